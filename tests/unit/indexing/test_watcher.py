"""What other processes write is noticed."""

import asyncio

from ragstone_server.indexing.watcher import watching
from ragstone_server.spi.catalog_store import CollectionHead
from ragstone_server.spi.names import DocumentId
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, name, put
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore

OTHER = name("other")


class Shaky(MemoryCatalogStore):
    """A store that is away for a while."""

    away = False
    looks = 0

    async def heads(self) -> tuple[CollectionHead, ...]:
        self.looks += 1
        if self.away:
            raise ConnectionError("the database is away")
        return await super().heads()


async def until_looked(store: Shaky, times: int = 2) -> None:
    wanted = store.looks + times
    async with asyncio.timeout(5):
        while store.looks < wanted:
            await asyncio.sleep(0.001)


async def test_a_collection_that_moves_is_told_once() -> None:
    store, told = Shaky(), list[tuple[str, int]]()
    first = await store.create_collection(NAME, SETTINGS, NOW)
    await put(store, first.key, "a", "ferry")
    async with watching(store, 0.001, lambda head: told.append((str(head.name), head.head))):
        await until_looked(store)
        assert told == [], "what is there already is opened elsewhere"
        await put(store, first.key, "b", "ferry")
        other = await store.create_collection(OTHER, SETTINGS, NOW)
        await put(store, other.key, "a", "ferry")
        await until_looked(store)
    assert sorted(told) == sorted([(str(NAME), 2), (str(OTHER), 1)])


async def test_a_store_that_is_away_is_looked_at_again() -> None:
    store, told = Shaky(), list[int]()
    collection = await store.create_collection(NAME, SETTINGS, NOW)
    async with watching(store, 0.001, lambda head: told.append(head.head)):
        await until_looked(store)
        store.away = True
        await put(store, collection.key, DocumentId("a"), "ferry")
        await until_looked(store)
        assert told == []
        store.away = False
        await until_looked(store)
    assert told == [1]
