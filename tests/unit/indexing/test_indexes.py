"""The views of all collections: opened when used, closed when others are used more recently."""

import asyncio
from pathlib import Path

import pytest

from ragstone_server.indexing import collection_index
from ragstone_server.spi.errors import CollectionNotFound
from ragstone_server.spi.positions import Position
from ragstone_server.testing.conformance.catalog_samples import put
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from tests.unit.indexing.shelf import Shelf, until


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(MemoryCatalogStore(), tmp_path)


async def test_an_index_is_opened_when_it_is_used_and_follows(shelf: Shelf) -> None:
    record = await shelf.collection("one")
    async with shelf.open() as indexes, indexes.pin(record) as index:
        await index.wait_for(Position(1))
        assert (await index.vectors.count(), await index.words.count()) == (1, 1)
        assert indexes.positions() == {record.key: {"vectors": 1, "words": 1}}
        assert indexes.failures() == {}


async def test_what_fell_behind_is_opened_at_the_start(shelf: Shelf) -> None:
    record = await shelf.collection("one")
    async with shelf.open() as indexes:
        await until(lambda: indexes.positions().get(record.key) == {"vectors": 1, "words": 1})


async def test_a_restart_reads_files_and_not_the_whole_catalog(shelf: Shelf) -> None:
    record = await shelf.collection("one")
    async with shelf.open() as indexes, indexes.pin(record) as index:
        await index.wait_for(Position(1))
    async with shelf.open() as indexes:
        await asyncio.sleep(0.02)
        assert indexes.positions() == {}, "nothing lags, so nothing is opened"
        async with indexes.pin(record) as index:
            assert index.followers["words"].position == 1


async def test_a_nudge_opens_an_index_that_is_closed(shelf: Shelf) -> None:
    async with shelf.open() as indexes:
        record = await shelf.collection("one")
        indexes.nudge(record)
        await until(lambda: indexes.positions().get(record.key) == {"vectors": 1, "words": 1})


async def test_the_least_recently_used_is_closed_unless_it_is_pinned(shelf: Shelf) -> None:
    async with shelf.open(open_collections=2) as indexes:
        one, two, three = [await shelf.collection(label) for label in ("one", "two", "three")]
        async with indexes.pin(one):
            for record in (two, three):
                async with indexes.pin(record):
                    pass
            assert set(indexes.positions()) == {one.key, three.key}
        async with indexes.pin(two):
            pass
        assert set(indexes.positions()) == {three.key, two.key}


async def test_dropping_forgets_the_files(shelf: Shelf) -> None:
    record = await shelf.collection("one")
    async with shelf.open() as indexes:
        async with indexes.pin(record) as index:
            await index.wait_for(Position(1))
        assert list(shelf.folder.iterdir())
        await indexes.drop(record.key)
        assert list(shelf.folder.iterdir()) == []
        assert indexes.positions() == {}


async def test_a_deleted_collection_is_not_opened_again(shelf: Shelf) -> None:
    async with shelf.open() as indexes:
        record = await shelf.collection("one")
        await shelf.store.delete_collection(record.key, force=True)
        await shelf.collection("one")
        with pytest.raises(CollectionNotFound):
            async with indexes.pin(record):
                pass
        assert record.key not in indexes.positions()


async def test_more_are_open_while_more_are_pinned(shelf: Shelf) -> None:
    async with shelf.open(open_collections=1) as indexes:
        one, two = [await shelf.collection(label) for label in ("one", "two")]
        async with indexes.pin(one) as first:
            async with indexes.pin(two) as second:
                for index in (first, second):
                    await index.wait_for(Position(1))
                    assert (await index.vectors.count(), await index.words.count()) == (1, 1)
                assert set(indexes.positions()) == {one.key, two.key}
            await until(lambda: set(indexes.positions()) == {one.key})
            await first.wait_for(await put(shelf.store, one.key, "b", "still followed"))


async def test_nothing_is_kept_for_a_collection_that_nobody_uses(shelf: Shelf) -> None:
    record = await shelf.collection("one")
    async with shelf.open() as indexes:
        async with indexes.pin(record):
            pass
        await indexes.drop(record.key)
        await until(lambda: not indexes._locks)
        assert not indexes._pins.held(record.key)


async def test_p9_files_of_collections_that_are_gone_are_swept_at_the_start(shelf: Shelf) -> None:
    kept = await shelf.collection("kept")
    left = [shelf.folder / f"{number:08d}" for number in (kept.key, 77)]
    other = shelf.folder / "notes"
    for folder in (*left, other):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    async with shelf.open():
        assert sorted(path.name for path in shelf.folder.iterdir()) == [left[0].name, "notes"]


async def test_files_that_cannot_be_removed_are_told(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(collection_index.shutil, "rmtree", refuse)
    async with shelf.open() as indexes:
        record = await shelf.collection("one")
        async with indexes.pin(record):
            pass
        await indexes.drop(record.key)
    assert "could not be removed" in caplog.text
