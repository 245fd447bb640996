"""Superseded passages go when they are on no view's disk and in nobody's hands any more."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from ragstone_server.indexing.collection_index import CollectionIndex
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, PassageKey, Position
from ragstone_server.testing.conformance.catalog_samples import put
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from tests.unit.indexing.shelf import Shelf


class Watched(MemoryCatalogStore):
    """Tells when somebody looked whether there is something to retire, and when something was."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = asyncio.Semaphore(0)
        self.retired = asyncio.Condition()

    async def followers(self, collection: CollectionKey, /) -> Mapping[str, Position]:
        self.looked.release()
        return await super().followers(collection)

    async def retire(self, collection: CollectionKey, upto: Position, keep_after: Position, now: datetime, /) -> int:
        retired = await super().retire(collection, upto, keep_after, now)
        async with self.retired:
            self.retired.notify_all()
        return retired

    async def looks(self, count: int = 4) -> None:
        """Return after so many looks from now."""
        while not self.looked.locked():
            await self.looked.acquire()
        for _ in range(count):
            await self.looked.acquire()

    async def holds(self, collection: CollectionKey, passage: PassageKey) -> bool:
        """Whether a passage is there."""
        return passage in await self.passages(collection, [passage])


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def shelf(store: Watched, tmp_path: Path) -> Shelf:
    return Shelf(store, tmp_path)


async def first_passage(store: Watched, collection: CollectionKey) -> PassageKey:
    log = await store.changes(collection, FIRST, NO_POSITION, 1, texts=False, vectors=None)
    return log.changes[0].passages[0].key


async def flush(index: CollectionIndex) -> None:
    await index.vectors.flush()
    await index.words.flush()


async def gone(store: Watched, collection: CollectionKey, passage: PassageKey) -> None:
    """Return when the passage is there no more."""
    async with asyncio.timeout(10), store.retired:
        while await store.holds(collection, passage):
            await store.retired.wait()


async def test_superseded_passages_go_when_every_view_has_the_change_on_disk(store: Watched, shelf: Shelf) -> None:
    record = await shelf.collection("one")
    key = await first_passage(store, record.key)
    async with shelf.open(retire_seconds=0.01) as indexes:
        position = await put(store, record.key, "a", "newer", version=2)
        async with indexes.pin(record) as index:
            await index.wait_for(position)
        await store.looks()
        assert await store.holds(record.key, key), "no view has it on disk"
        await index.vectors.flush()
        await store.looks()
        assert await store.holds(record.key, key), "one view lacks it"
        await index.words.flush()
        async with indexes.pin(record) as index:
            # Noted with the next change.
            await index.wait_for(await put(store, record.key, "b", "other"))
        await gone(store, record.key, key)
        assert (await store.collection(record.name)).trimmed >= position


async def test_superseded_passages_stay_for_who_may_have_found_them_before(store: Watched, shelf: Shelf) -> None:
    record = await shelf.collection("one")
    key = await first_passage(store, record.key)
    async with shelf.open(retire_seconds=0.01) as indexes:
        async with indexes.pin(record) as index:
            await index.wait_for(Position(1))
            await put(store, record.key, "a", "newer", version=2)
            await index.wait_for(await put(store, record.key, "b", "other"))
            await flush(index)
            await index.wait_for(await put(store, record.key, "c", "noted with this"))
            await store.looks()
            async with indexes.pin(record):
                await store.looks()
            assert await store.holds(record.key, key), "the first use may still read it"
        await gone(store, record.key, key)
