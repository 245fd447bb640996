import asyncio
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from ragstone_plugins.tantivy import store
from ragstone_plugins.tantivy.index import TantivyIndex
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_plugins.tantivy.view import TantivyView
from ragstone_server.spi.errors import StorageFull
from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.views import LexicalQuery
from ragstone_server.spi.visibility import Attributes, Visibility
from ragstone_server.testing.conformance.view_base import copied, spec
from ragstone_server.testing.conformance.view_samples import COMMON, CONTEXT, EVERYONE, batch, document
from ragstone_server.testing.memory.host import MemoryHost


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def _keys(
    view: TantivyView, text: str = COMMON, visibility: Visibility = EVERYONE, limit: int = 10_000
) -> list[int]:
    request = LexicalQuery(context=CONTEXT, text=text, limit=limit, visibility=visibility)
    return sorted(hit.key for hit in (await view.search(request)).hits)


def _threads() -> int:
    tasks = Path("/proc/self/task")  # Rust's threads too, where the system tells
    return sum(1 for _ in tasks.iterdir()) if tasks.exists() else threading.active_count()


async def test_the_position_is_saved_in_the_background(host: MemoryHost, tmp_path: Path) -> None:
    async with TantivyIndex(TantivySettings(save_after_s=0.05), host).open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1, document(1, 10)))
        await _until(lambda: view.durable == 1)
        await view.apply(batch(2))
        await _until(lambda: view.durable == 2)


async def test_the_writer_opens_late_and_closes_when_idle(host: MemoryHost, tmp_path: Path) -> None:
    settings = TantivySettings(save_after_s=0.05, writer_idle_s=0.2)
    async with TantivyIndex(settings, host).open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1))
        assert not view._store.writing
        await _keys(view)
        before = _threads()
        await view.apply(batch(2, document(1, 10)))
        assert view._store.writing
        assert _threads() > before
        await _until(lambda: not view._store.writing)
        await _until(lambda: _threads() <= before)
        await view.apply(batch(3, document(2, 20)))
        assert await _keys(view) == [10, 20]
        await _until(lambda: not view._store.writing)


async def test_what_a_crash_left_ahead_of_the_position_obeys_its_readers(host: MemoryHost, tmp_path: Path) -> None:
    index = TantivyIndex(TantivySettings(), host)
    secret = Attributes(metadata={}, readers=frozenset({"user:bo"}))
    async with index.open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1, document(1, 10)))
        await view.flush()
        await view.apply(batch(2, document(2, 20, attributes=secret), document(3, 30)))
        crashed = copied(tmp_path / "view", tmp_path / "crashed")
    async with index.open_view(spec(crashed)) as view:
        assert view.position == 1
        assert await _keys(view) == [10, 30]
        await view.apply(batch(2, document(2, 20, attributes=secret), document(3, 30)))
        assert await _keys(view) == [10, 30]
        assert await view.count() == 3


async def test_groups_without_passages_are_dropped(
    host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_FEW_GROUPS", 4)

    def stamped(n: int) -> Attributes:
        return Attributes(metadata={"version": float(n)}, readers=None)

    async with TantivyIndex(TantivySettings(), host).open_view(spec(tmp_path / "view")) as view:
        for n in range(1, 60):
            await view.apply(batch(n, document(1, n, attributes=stamped(n)), document(2, 100, attributes=stamped(0))))
            await view.flush()
            latest = Comparison(field="version", operator=Operator.EQUAL, value=float(n))
            asked = Visibility(principals=frozenset(), default_readable=True, filter=latest)
            assert await _keys(view, visibility=asked) == [n]
        assert len(view._snapshot.groups) < 50
    async with TantivyIndex(TantivySettings(), host).open_view(spec(tmp_path / "view")) as view:
        assert await _keys(view) == [59, 100]
        assert await _keys(view, visibility=asked) == [59]


@pytest.mark.parametrize("listed", [0, 4096])
async def test_many_passing_groups_are_searched_exactly(
    host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: int
) -> None:
    monkeypatch.setattr("ragstone_plugins.tantivy.searching._MOST_GROUPS", listed)
    async with TantivyIndex(TantivySettings(), host).open_view(spec(tmp_path / "view")) as view:
        numbered = [Attributes(metadata={"n": float(n)}, readers=None) for n in range(600)]
        await view.apply(batch(1, *(document(n, n, attributes=each) for n, each in enumerate(numbered))))
        for least in (0, 1, 300, 590, 599):
            filter_ = Comparison(field="n", operator=Operator.GREATER_OR_EQUAL, value=float(least))
            asked = Visibility(principals=frozenset(), default_readable=True, filter=filter_)
            assert await _keys(view, visibility=asked) == list(range(least, 600))
            assert len(await _keys(view, visibility=asked, limit=7)) == min(7, 600 - least)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False
        )
    except OSError as error:
        pytest.skip(f"no mount: {error}")
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("free", [0, 8192, 16384, 65536])
async def test_a_full_disk_is_reported_and_recovered_from(host: MemoryHost, small_disk: Path, free: int) -> None:
    large = batch(2, *(document(n, n, words=" ".join(f"w{n}x{k}" for k in range(300))) for n in range(20, 100)))
    async with TantivyIndex(TantivySettings(), host).open_view(spec(small_disk / "view")) as view:
        await view.apply(batch(1, document(1, 10)))
        await view.flush()
        space = os.statvfs(small_disk)
        (small_disk / "full").write_bytes(b"x" * (space.f_bavail * space.f_bsize - free))
        for _ in range(2):
            with pytest.raises(StorageFull):
                await view.apply(large)
            assert (view.position, view.durable, await _keys(view)) == (1, 1, [10])
        (small_disk / "full").unlink()
        await view.apply(large)
        await view.flush()
        assert (view.position, view.durable, len(await _keys(view))) == (2, 2, 81)


async def test_nothing_is_left_running(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with MemoryHost(tmp_path, tmp_path) as host:
        async with TantivyIndex(TantivySettings(), host).open_view(spec(tmp_path / "view")) as view:
            applying = asyncio.create_task(view.apply(batch(1, document(1, 10))))
            await asyncio.sleep(0)
            applying.cancel()
        assert not view._store.writing
        assert view.durable == 1
    await asyncio.gather(applying, return_exceptions=True)
    assert asyncio.all_tasks() == before
