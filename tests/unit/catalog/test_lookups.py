"""Reads that are shared are never older than the question of any of those who share them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ragstone_server.catalog.lookups import Collections, Vectors, Versions
from ragstone_server.spi.catalog_store import CollectionRecord
from ragstone_server.spi.errors import CollectionNotFound
from ragstone_server.spi.names import DEFAULT_TENANT, CollectionName, DocumentId
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore

EMBEDDER = "sample-embedder"


class Slow(MemoryCatalogStore):
    """Reads at once, and tells what it read when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.known = {bytes([number]): np.full(2, number, np.float16) for number in range(1, 9)}
        self.asked_for: list[list[bytes]] = []
        self._read = asyncio.Condition()
        self._go = asyncio.Semaphore(0)

    def answer(self, reads: int = 1) -> None:
        for _ in range(reads):
            self._go.release()

    async def until_read(self, reads: int) -> None:
        async with asyncio.timeout(10), self._read:
            await self._read.wait_for(lambda: self.reads >= reads)

    async def collection(self, name: CollectionName, /) -> CollectionRecord:
        try:
            return await super().collection(name)
        finally:
            await self._pass()

    async def vectors(
        self, _tenant: object, _embedder: str, hashes: Sequence[bytes], /
    ) -> Mapping[bytes, NDArray[np.float16]]:
        self.asked_for.append(sorted(hashes))
        found = {key: self.known[key] for key in hashes if key in self.known}
        await self._pass()
        return found

    async def _pass(self) -> None:
        async with self._read:
            self.reads += 1
            self._read.notify_all()
        await self._go.acquire()


@pytest.fixture
async def store() -> Slow:
    return Slow()


async def test_who_asks_after_a_change_sees_it(store: Slow) -> None:
    record = await store.create_collection(NAME, SETTINGS, NOW)
    collections = Collections(store)
    before = asyncio.create_task(collections.get(NAME))
    await store.until_read(1)
    changed = replace(SETTINGS, description="changed")
    await store.update_collection(record.key, changed, NOW)
    after = [asyncio.create_task(collections.get(NAME)) for _ in range(2)]
    store.answer(2)
    assert (await before).settings == SETTINGS
    assert [each.settings for each in await asyncio.gather(*after)] == [changed, changed]
    assert store.reads == 2


async def test_who_asks_after_a_collection_was_deleted_does_not_find_it(store: Slow) -> None:
    record = await store.create_collection(NAME, SETTINGS, NOW)
    collections = Collections(store)
    before = asyncio.create_task(collections.get(NAME))
    await store.until_read(1)
    await store.delete_collection(record.key, force=False)
    gone = asyncio.create_task(collections.get(NAME))
    store.answer(1)
    assert await before == record
    await store.until_read(2)
    made_anew = await store.create_collection(NAME, SETTINGS, NOW)
    anew = asyncio.create_task(collections.get(NAME))
    store.answer(2)
    with pytest.raises(CollectionNotFound):
        await gone
    assert (await anew).key == made_anew.key != record.key


async def test_vectors_that_are_wanted_together_are_read_together(store: Slow) -> None:
    vectors = Vectors(store)
    first = asyncio.create_task(vectors.get(DEFAULT_TENANT, EMBEDDER, [b"\1"]))
    await store.until_read(1)
    del store.known[b"\1"]
    others = [asyncio.create_task(vectors.get(DEFAULT_TENANT, EMBEDDER, keys)) for keys in ([b"\1", b"\2"], [b"\3"])]
    nothing = await vectors.get(DEFAULT_TENANT, EMBEDDER, [])
    store.answer(2)
    assert list(await first) == [b"\1"]
    assert [list(each) for each in await asyncio.gather(*others)] == [[b"\2"], [b"\3"]]
    assert nothing == {}
    assert store.asked_for == [[b"\1"], [b"\1", b"\2", b"\3"]]


async def test_a_failure_is_of_those_who_asked_then(store: Slow) -> None:
    async def broken(*_: object) -> Mapping[bytes, NDArray[np.float16]]:
        raise ConnectionError

    vectors = Vectors(store)
    working, store.vectors = store.vectors, broken  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await vectors.get(DEFAULT_TENANT, EMBEDDER, [b"\1", b"\2"])
    store.vectors = working  # type: ignore[method-assign]
    store.answer()
    assert list(await vectors.get(DEFAULT_TENANT, EMBEDDER, [b"\1"])) == [b"\1"]


async def test_collections_wait_for_the_versions_of_no_other(store: Slow) -> None:
    held, free = CollectionKey(1), CollectionKey(2)
    go = asyncio.Event()

    async def versions(collection: CollectionKey, _: object) -> Mapping[DocumentId, object]:
        if collection == held:
            await go.wait()
        return {}

    store.versions = versions  # type: ignore[method-assign,assignment]
    lookup = Versions(store)
    waits = asyncio.create_task(lookup.get(held, DocumentId("a")))
    assert await lookup.get(free, DocumentId("a")) is None
    assert not waits.done()
    go.set()
    assert await waits is None
