"""The views of all collections: opened when used, closed when others are used more recently, retired when out of sight."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ragstone_server.indexing.collection_index import IndexKinds
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.spi.catalog_store import CollectionRecord, Generation
from ragstone_server.spi.positions import NO_POSITION, Position
from ragstone_server.testing.conformance.catalog_samples import NOW, SETTINGS, name, put
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.views import MemoryLexicalIndex, MemoryVectorIndex

GENERATION = Generation(embedder="sample-embedder", chunker="c")


@dataclass
class Shelf:
    store: MemoryCatalogStore
    folder: Path

    async def collection(self, label: str) -> CollectionRecord:
        """A collection with one document."""
        made = await self.store.create_collection(name(label), SETTINGS, NOW)
        async with self.store.transaction(made.key) as transaction:
            await transaction.set_generation(GENERATION)
        await put(self.store, made.key, "a", f"text of {label}")
        return await self.store.collection(made.name)

    @asynccontextmanager
    async def open(self, **settings: float) -> AsyncIterator[Indexes]:
        kinds = IndexKinds(
            vector=MemoryVectorIndex(), lexical=MemoryLexicalIndex(), embedder=MemoryEmbedder(dimension=8)
        )
        quick = {"refresh_seconds": 0.01, "poll_seconds": 0.01, "retire_seconds": 3600, **settings}
        indexes = Indexes(kinds, self.store, self.folder, IndexingSettings(**quick), ManualClock())  # type: ignore[arg-type]
        async with indexes.running():
            yield indexes


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(MemoryCatalogStore(), tmp_path)


async def until(condition: object) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


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


async def test_superseded_passages_go_when_every_view_has_the_change_on_disk(shelf: Shelf) -> None:
    record = await shelf.collection("one")
    old = await shelf.store.changes(record.key, NO_POSITION, 1, texts=False, vectors=None)
    key = old.changes[0].passages[0].key
    async with shelf.open(retire_seconds=0.02) as indexes, indexes.pin(record) as index:
        position = await put(shelf.store, record.key, "a", "newer", version=2)
        await index.wait_for(position)
        await asyncio.sleep(0.1)
        assert key in await shelf.store.passages(record.key, [key]), "no view has it on disk"
        await index.vectors.flush()
        await asyncio.sleep(0.1)
        assert key in await shelf.store.passages(record.key, [key]), "one view lacks it"
        await index.words.flush()
        # Noted with the next change.
        await index.wait_for(await put(shelf.store, record.key, "b", "other"))
        async with asyncio.timeout(5):
            while key in await shelf.store.passages(record.key, [key]):
                await asyncio.sleep(0.01)
        assert (await shelf.store.collection(record.name)).trimmed >= position
