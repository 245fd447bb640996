"""Who is cancelled leaves neither a half-open index nor a half-closed one, and no pin."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ragstone_server.indexing.indexes import Indexes
from ragstone_server.spi.catalog_store import CollectionRecord
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.views import ViewSpec
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.views import MemoryVectorIndex, MemoryVectorView
from tests.unit.indexing.shelf import Shelf, until


class Gate:
    """Lets nobody through while it is shut, and tells who stands before it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def passed(self) -> None:
        self.reached.set()
        await self.open.wait()

    def shut(self) -> None:
        self.reached.clear()
        self.open.clear()


class Gated(MemoryVectorIndex):
    """Opens and closes as it is let, and counts what it did."""

    def __init__(self) -> None:
        self.opening, self.closing = Gate(), Gate()
        self.opened: list[CollectionKey] = []
        self.closed: list[CollectionKey] = []

    @asynccontextmanager
    async def open_view(self, spec: ViewSpec, /) -> AsyncIterator[MemoryVectorView]:
        async with super().open_view(spec) as view:
            await self.opening.passed()
            self.opened.append(spec.collection)
            yield view
            await self.closing.passed()
        self.closed.append(spec.collection)


@pytest.fixture
def vector() -> Gated:
    return Gated()


@pytest.fixture
def shelf(tmp_path: Path, vector: Gated) -> Shelf:
    return Shelf(MemoryCatalogStore(), tmp_path, vector)


async def use(indexes: Indexes, record: CollectionRecord) -> None:
    async with indexes.pin(record) as index:
        await index.wait_for(Position(1))


async def cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_opening_ends_where_its_caller_is_cancelled(shelf: Shelf, vector: Gated) -> None:
    async with shelf.open(open_collections=1) as indexes:
        one, two = [await shelf.collection(label) for label in ("one", "two")]
        vector.opening.shut()
        asking = asyncio.create_task(use(indexes, one))
        await vector.opening.reached.wait()
        await cancel(asking)
        vector.opening.open.set()
        await use(indexes, one)
        assert vector.opened == [one.key], "the one that was under way is the one that is used"
        await use(indexes, two)
        assert vector.closed == [one.key], "the cancelled caller's pin is not held"


async def test_an_index_is_closed_whole_where_who_closes_it_is_cancelled(shelf: Shelf, vector: Gated) -> None:
    async with shelf.open(open_collections=1) as indexes:
        one, two = [await shelf.collection(label) for label in ("one", "two")]
        await use(indexes, one)
        vector.closing.shut()
        asking = asyncio.create_task(use(indexes, two))
        await vector.closing.reached.wait()
        await cancel(asking)
        vector.closing.open.set()
        await until(lambda: vector.closed == [one.key])
        await use(indexes, one)
        assert vector.opened == [one.key, two.key, one.key]


async def test_a_drop_ends_where_its_caller_is_cancelled(shelf: Shelf, vector: Gated) -> None:
    async with shelf.open() as indexes:
        one = await shelf.collection("one")
        await use(indexes, one)
        vector.closing.shut()
        dropping = asyncio.create_task(indexes.drop(one.key))
        await vector.closing.reached.wait()
        await cancel(dropping)
        vector.closing.open.set()
        await until(lambda: list(shelf.folder.iterdir()) == [])


@pytest.mark.parametrize("shut", ["opening", "closing"])
async def test_what_is_under_way_is_waited_for_at_the_end(shelf: Shelf, vector: Gated, shut: str) -> None:
    async with shelf.open(open_collections=1) as indexes:
        one, two = [await shelf.collection(label) for label in ("one", "two")]
        await use(indexes, one)
        gate: Gate = getattr(vector, shut)
        gate.shut()
        asking = asyncio.create_task(use(indexes, two))
        await gate.reached.wait()
        await cancel(asking)
        asyncio.get_running_loop().call_soon(gate.open.set)
    assert sorted(vector.closed) == [one.key, two.key]
