import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.index import FaissIndex
from ragstone_plugins.faiss.manifest import read_manifest
from ragstone_plugins.faiss.part import Columns, Part
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.faiss.view import FaissView
from ragstone_server.spi.errors import StorageFull
from ragstone_server.spi.positions import DocumentKey, PassageKey
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.views import DocumentChange, IndexedPassage, VectorQuery
from ragstone_server.testing.conformance.view_base import spec
from ragstone_server.testing.conformance.view_samples import CONTEXT, EVERYONE, OPEN, batch, document
from ragstone_server.testing.conformance.views import VectorIndexConformance
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.faiss.views import until


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def _keys(view: FaissView) -> list[int]:
    return sorted(hit.key for hit in (await view.search(VectorIndexConformance().query(EVERYONE, 10_000))).hits)


def _segments(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.segment"))


async def test_a_grown_head_is_sealed_in_the_background(host: MemoryHost, tmp_path: Path) -> None:
    index = FaissIndex(FaissSettings(seal_rows=20, seal_after_s=3600), host)
    async with index.open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1, document(1, *range(10))))
        await asyncio.sleep(0.1)
        assert view.durable == 0
        await view.apply(batch(2, document(2, *range(10, 25))))
        await _until(lambda: view.durable == 2)
        assert await _keys(view) == list(range(25))


async def test_an_old_head_is_sealed_in_the_background(host: MemoryHost, tmp_path: Path) -> None:
    index = FaissIndex(FaissSettings(seal_after_s=0.05), host)
    async with index.open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1, document(1, 10)))
        await _until(lambda: view.durable == 1)
        await view.apply(batch(2, document(1)))
        await _until(lambda: view.durable == 2)
        assert _segments(tmp_path / "view") == []


async def test_changes_go_on_while_a_segment_is_written(
    host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FaissIndex(FaissSettings(seal_after_s=3600), host).open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1, document(1, 10, 11), document(2, 20)))
        await view.flush()
        await view.apply(batch(2, document(3, 30, 31, 32), document(4, 40)))
        loop, writing, go_on = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        seal = view._store.seal

        def slow(*arguments: object) -> object:
            loop.call_soon_threadsafe(writing.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            return seal(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(view._store, "seal", slow)
        flushing = asyncio.create_task(view.flush())
        await writing.wait()
        await view.apply(batch(3, document(1, 12), document(4), document(5, 50)))
        assert await _keys(view) == [12, 20, 30, 31, 32, 50]
        go_on.set()
        await flushing
        assert (view.position, view.durable) == (3, 2)
        assert await _keys(view) == [12, 20, 30, 31, 32, 50]
        monkeypatch.setattr(view._store, "seal", seal)
        await view.flush()
        assert view.durable == 3
    async with FaissIndex(FaissSettings(), host).open_view(spec(tmp_path / "view")) as view:
        assert await _keys(view) == [12, 20, 30, 31, 32, 50]


async def test_files_stay_few_and_only_live_ones_stay(host: MemoryHost, tmp_path: Path) -> None:
    async with FaissIndex(FaissSettings(), host).open_view(spec(tmp_path / "view")) as view:
        for n in range(1, 120):
            await view.apply(batch(n, document(n, n)))
            await view.flush()

        def tidy() -> bool:  # once nothing is merged any more
            manifest = read_manifest(tmp_path / "view")
            assert manifest is not None
            live = sorted(each.file for each in manifest.segments)
            return len(live) <= 5 and _segments(tmp_path / "view") == live

        await until(tidy)
        assert await view.count() == 119


async def test_a_mostly_deleted_file_is_written_anew(host: MemoryHost, tmp_path: Path) -> None:
    async with FaissIndex(FaissSettings(dead_share=0.3), host).open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1, *(document(n, n) for n in range(100))))
        await view.flush()
        size = sum(path.stat().st_size for path in (tmp_path / "view").glob("*.segment"))
        await view.apply(batch(2, *(document(n) for n in range(20))))
        await view.flush()
        assert _segments(tmp_path / "view") == ["00000001.segment"]
        await view.apply(batch(3, *(document(n) for n in range(20, 50))))
        await view.flush()
        assert _segments(tmp_path / "view") == ["00000002.segment"]
        assert sum(path.stat().st_size for path in (tmp_path / "view").glob("*.segment")) < size
        assert await _keys(view) == list(range(50, 100))
        await view.apply(batch(4, *(document(n) for n in range(100))))
        await view.flush()
        assert _segments(tmp_path / "view") == []


async def test_leftovers_of_a_crash_are_removed_and_other_files_are_not(host: MemoryHost, tmp_path: Path) -> None:
    index = FaissIndex(FaissSettings(), host)
    async with index.open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1, document(1, 10)))
    for name in ("00000009.segment", "manifest.json.tmp", "notes.txt"):
        (tmp_path / "view" / name).write_bytes(b"left")
    async with index.open_view(spec(tmp_path / "view")) as view:
        assert {path.name for path in (tmp_path / "view").iterdir()} == {
            "manifest.json",
            "00000001.segment",
            "notes.txt",
        }
        assert await _keys(view) == [10]


@pytest.mark.parametrize("step", ["files.write_segment", "store.write_manifest"])
async def test_a_full_disk_is_reported_and_recovered_from(
    host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    settings = FaissSettings(seal_rows=4, seal_after_s=0.05)
    async with FaissIndex(settings, host).open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(1, document(1, 10)))
        await view.flush()
        with monkeypatch.context() as patch:
            patch.setattr(f"ragstone_plugins.faiss.{step}", full)
            await view.apply(batch(2, document(2, *range(20, 40))))
            with pytest.raises(StorageFull):
                await view.flush()
            with pytest.raises(StorageFull):  # memory is bounded: the head has grown enough
                await view.apply(batch(3, document(3, 41)))
            assert (view.position, view.durable) == (2, 1)
            assert await _keys(view) == [10, *range(20, 40)]
            assert not list((tmp_path / "view").glob("*.tmp"))
            await _until(lambda: "sealing failed" in caplog.text)
        await _until(lambda: view.durable == 2)
        await view.apply(batch(3, document(3, 41)))
    async with FaissIndex(settings, host).open_view(spec(tmp_path / "view")) as view:
        assert (view.position, await _keys(view)) == (3, [10, *range(20, 40), 41])
    caplog.clear()


async def test_nothing_is_left_running(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with (
        MemoryHost(tmp_path, tmp_path) as host,
        FaissIndex(FaissSettings(), host).open_view(spec(tmp_path / "view")) as view,
    ):
        await view.apply(batch(1, document(1, 10)))
        flushing = asyncio.create_task(view.flush())
        await asyncio.sleep(0)
        flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    assert asyncio.all_tasks() == before


async def test_a_vector_of_another_dimension_is_refused(host: MemoryHost, tmp_path: Path) -> None:
    async with FaissIndex(FaissSettings(), host).open_view(spec(tmp_path / "view", dimension=9)) as view:
        with pytest.raises(ValueError, match="broadcast"):
            await view.apply(batch(1, document(1, 10)))
        assert (view.position, await view.count()) == (0, 0)


def test_ways_of_scanning_agree() -> None:
    """Gathered, selected and over-fetched rows are the same rows, at every share that passes."""
    rows, dimension = 3000, 16
    rng = np.random.default_rng(5)
    groups = RowGroups()
    columns = Columns(
        vectors=rng.standard_normal((rows, dimension)).astype(np.float16),
        keys=np.arange(rows, dtype=np.int64),
        documents=np.arange(rows, dtype=np.int64),
        numbers=np.full(rows, groups.number(OPEN), dtype=np.int32),
        groups=groups,
    )
    vector = rng.standard_normal((1, dimension)).astype(np.float32)
    exact = np.einsum("ij,j->i", columns.vectors.astype(np.float32), vector[0])
    for share in (1, 0.95, 0.5, 0.1, 0.01, 0.001):
        mask = rng.permutation(rows) < max(1, round(share * rows))
        part = Part.over(columns, bits.from_mask(mask), by_document=True)
        best = np.argsort(-np.where(mask, exact, -np.inf))[: min(50, int(mask.sum()))]
        scores, keys = part.nearest(vector, EVERYONE, 50)
        assert keys.tolist() == best.tolist()
        assert scores.tolist() == pytest.approx(exact[best].tolist(), abs=1e-3)


async def test_a_large_segment_is_searched_by_its_sketch(host: MemoryHost, tmp_path: Path) -> None:
    """Recall and readers as by scanning, with deleted rows too."""
    rows, dimension, probes = 24_000, 128, 30
    rng = np.random.default_rng(11)
    centres = rng.standard_normal((200, dimension))
    vectors = centres[rng.integers(0, 200, rows)] + 0.7 * rng.standard_normal((rows, dimension))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    changes = [
        DocumentChange(
            document=DocumentKey(n // 10),
            attributes=OPEN,
            language=None,
            passages=tuple(
                IndexedPassage(key=PassageKey(key), text="", vector=vectors[key]) for key in range(n, n + 10)
            ),
        )
        for n in range(0, rows, 10)
    ]
    where = spec(tmp_path / "view", dimension=dimension)
    alive = np.arange(rows) >= 2000
    exact = np.where(alive[:, None], vectors.astype(np.float32) @ vectors[-probes:].astype(np.float32).T, -1)

    async def recall(view: FaissView) -> float:
        shared = 0
        for probe in range(probes):
            vector = vectors[rows - probes + probe].astype(np.float32)
            request = VectorQuery(context=CONTEXT, vector=vector, limit=10, visibility=EVERYONE)
            keys = {hit.key for hit in (await view.search(request)).hits}
            assert all(alive[key] for key in keys)
            shared += len(keys & set(np.argsort(-exact[:, probe])[:10].tolist()))
        return shared / (10 * probes)

    index = FaissIndex(FaissSettings(seal_rows=1_000_000), host)
    async with index.open_view(where) as view:
        await view.apply(batch(1, *changes))
        await view.flush()
        await view.apply(batch(2, *(document(n) for n in range(200))))
        assert view._state.segments[0].part.sketch is not None
        assert await recall(view) >= 0.98
    async with index.open_view(where) as view:
        assert view._state.segments[0].part.sketch is not None
        assert await recall(view) >= 0.98
