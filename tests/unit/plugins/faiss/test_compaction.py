"""Segments are merged in the background, with a share of the processor, and nobody waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ragstone_plugins.faiss.index import FaissIndex
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_server.spi.pacing import Pace, Steps
from ragstone_server.testing.conformance.view_base import copied, spec
from ragstone_server.testing.conformance.view_samples import batch, document
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.faiss.views import DIMENSION, keys, many, segments, until

SMALL = FaissSettings(seal_rows=2, seal_after_s=3600, background_share=1)
"""Of more than eight rows the merging is left to the background."""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


async def test_segments_stay_few_and_their_rows_are_those_that_live(host: MemoryHost, tmp_path: Path) -> None:
    async with FaissIndex(SMALL, host).open_view(spec(tmp_path / "view")) as view:
        expected = set()
        for n in range(1, 60):
            await view.apply(batch(n, document(n, *range(n * 10, n * 10 + 9)), document(n - 5)))
            expected |= set(range(n * 10, n * 10 + 9))
            expected -= set(range((n - 5) * 10, (n - 5) * 10 + 10))
            await view.flush()
        await until(lambda: len(view.state.segments) <= 3)
        await until(lambda: segments(tmp_path / "view") == sorted(each.file for each in view.state.segments))
        assert await keys(view) == sorted(expected)
        crashed = copied(tmp_path / "view", tmp_path / "crashed")
    for directory in (tmp_path / "view", crashed):
        async with FaissIndex(SMALL, host).open_view(spec(directory)) as view:
            assert (view.position, await keys(view)) == (59, sorted(expected))


async def test_applying_sealing_and_searching_go_on_while_segments_are_merged(
    host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, held, going = Pace.run, asyncio.Event(), asyncio.Event()

    async def holding(pace: Pace, steps: Steps[Any]) -> Any:
        result = await run(pace, steps)
        if steps.__qualname__.endswith("merging"):
            held.set()
            await going.wait()
        return result

    monkeypatch.setattr(Pace, "run", holding)
    async with FaissIndex(SMALL, host).open_view(spec(tmp_path / "view")) as view:
        for n in (1, 2):
            await view.apply(batch(n, document(n, *range(n * 100, n * 100 + 50))))
            await view.flush()
        await held.wait()
        for n in range(3, 30):  # far more than is kept in memory
            await view.apply(batch(n, document(n, n + 10), document(1, *range(10))))
            await view.flush()
        assert view.durable == 29
        expected = sorted([*range(10), *range(200, 250), *range(13, 40)])
        assert await keys(view) == expected
        going.set()
        await until(lambda: len(view.state.segments) <= 3)
        assert await keys(view) == expected, "what was deleted meanwhile stays deleted"
    async with FaissIndex(SMALL, host).open_view(spec(tmp_path / "view")) as view:
        assert await keys(view) == expected


async def test_a_merge_that_a_reset_overtook_is_thrown_away(
    host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, held, going = Pace.run, asyncio.Event(), asyncio.Event()

    async def holding(pace: Pace, steps: Steps[Any]) -> Any:
        result = await run(pace, steps)
        if steps.__qualname__.endswith("merging") and not going.is_set():
            held.set()
            await going.wait()
        return result

    monkeypatch.setattr(Pace, "run", holding)
    async with FaissIndex(SMALL, host).open_view(spec(tmp_path / "view")) as view:
        for n in (1, 2):
            await view.apply(batch(n, document(n, *range(n * 100, n * 100 + 50))))
            await view.flush()
        await held.wait()
        await view.reset()
        await view.apply(batch(1, document(1, 7)))
        await view.flush()
        going.set()
        await until(lambda: len(segments(tmp_path / "view")) == 1)
        assert await keys(view) == [7]


async def test_work_in_the_background_has_its_share_of_the_time(host: MemoryHost) -> None:
    steps = 0

    def working() -> Steps[str]:
        nonlocal steps
        for _ in range(10):
            time.sleep(0.01)
            steps += 1
            yield
        return "done"

    began = time.monotonic()
    assert await Pace(host.bulk, host.clock, 0.25).run(working()) == "done"
    assert steps == 10
    assert time.monotonic() - began >= 0.4


async def test_work_that_is_cancelled_undoes_what_is_not_finished(host: MemoryHost) -> None:
    undone = False

    def working() -> Steps[None]:
        nonlocal undone
        try:
            while True:
                time.sleep(0.01)
                yield
        finally:
            undone = True

    task = asyncio.create_task(Pace(host.bulk, host.clock, 0.5).run(working()))
    await asyncio.sleep(0.03)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert undone


async def test_a_merge_that_closing_cuts_short_leaves_no_file(host: MemoryHost, tmp_path: Path) -> None:
    where = spec(tmp_path / "view", dimension=DIMENSION)
    slow = FaissSettings(seal_rows=1, seal_after_s=3600, background_share=0.001)
    async with FaissIndex(slow, host).open_view(where) as view:
        for n in range(2):
            await view.apply(batch(n + 1, *many(2000, n * 2000)))
            await view.flush()
        await until(lambda: len(segments(tmp_path / "view")) == 3)
    assert segments(tmp_path / "view") == ["00000001.segment", "00000002.segment"]
