"""A view in step with the change log: waiting, gathering, rebuilding, failing and coming back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ragstone_server.indexing.follower import Follower
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.registry.clock import SystemClock
from ragstone_server.spi.catalog_store import CollectionRecord
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.views import ChangeBatch, ViewSpec
from ragstone_server.testing.conformance.catalog_samples import EMBEDDER, LATER, NAME, NOW, SETTINGS, put
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.views import MemoryVectorView

SLOW = IndexingSettings(refresh_seconds=3600, heartbeat_seconds=3600, batch_documents=3)
OPTIONS: dict[str, Any] = {"texts": False, "vectors": EMBEDDER, "clock": SystemClock()}
QUICK = IndexingSettings(refresh_seconds=0.01, heartbeat_seconds=0.01, batch_documents=3)


class Watched(MemoryVectorView):
    """Remembers what it applied, and fails while it is told to."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            ViewSpec(collection=CollectionKey(1), epoch="e", generation="g", directory=directory, dimension=8)
        )
        self.batches: list[int] = []
        self.resets = 0
        self.error: Exception | None = None

    async def apply(self, batch: ChangeBatch, /) -> None:
        if self.error is not None:
            raise self.error
        self.batches.append(len(batch.changes))
        await super().apply(batch)

    async def reset(self) -> None:
        self.resets += 1
        await super().reset()


class Bench:
    """A store with one collection, a view and what follows."""

    def __init__(self, store: MemoryCatalogStore, collection: CollectionRecord, view: Watched) -> None:
        self.store = store
        self.key = collection.key
        self.view = view
        self.stack = AsyncExitStack()

    async def put(self, *documents: str) -> Position:
        for document in documents:
            position = await put(self.store, self.key, document, f"text of {document}")
        return position

    async def follow(self, settings: IndexingSettings) -> Follower:
        follower = Follower("vectors", self.view, self.store, self.key, FIRST, settings, **OPTIONS)
        return await self.stack.enter_async_context(follower.running())


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = MemoryCatalogStore()
    (tmp_path / "view").mkdir()
    bench = Bench(store, await store.create_collection(NAME, SETTINGS, NOW), Watched(tmp_path / "view"))
    async with bench.stack:
        yield bench


async def within(waiting: asyncio.Future[None] | asyncio.Task[None], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        await waiting


async def test_it_begins_where_the_view_is_and_goes_in_batches(bench: Bench) -> None:
    await bench.put("a", "b", "c", "d", "e")
    follower = await bench.follow(SLOW)
    await follower.wait_for(Position(5))
    assert bench.view.batches == [3, 2]
    assert await bench.view.count() == 5


async def test_who_waits_is_not_kept_waiting_for_the_next_refresh(bench: Bench) -> None:
    follower = await bench.follow(SLOW)
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(follower.wait_for(await bench.put("a")))
    await within(waiting)
    assert follower.position == 1


async def test_a_position_that_is_passed_needs_no_waiting(bench: Bench) -> None:
    follower = await bench.follow(SLOW)
    await follower.wait_for(Position(0))


async def test_many_may_wait_for_different_positions(bench: Bench) -> None:
    follower = await bench.follow(SLOW)
    await asyncio.sleep(0.01)
    head = await bench.put(*"abcdefg")
    await within(asyncio.gather(*(follower.wait_for(Position(n)) for n in (head, 1, 4, 2))))
    assert bench.view.batches == [3, 3, 1]


async def test_changes_gather_until_the_refresh_when_nobody_waits(bench: Bench) -> None:
    follower = await bench.follow(IndexingSettings(refresh_seconds=0.2, heartbeat_seconds=3600, batch_documents=100))
    await asyncio.sleep(0.01)
    for document in ("a", "b", "c"):
        await bench.put(document)
        follower.nudge()
        await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        while follower.position < 3:
            await asyncio.sleep(0.01)
    assert bench.view.batches == [3]


async def test_without_a_nudge_the_log_is_polled(bench: Bench) -> None:
    follower = await bench.follow(QUICK)
    await asyncio.sleep(0.02)
    await bench.put("a")
    async with asyncio.timeout(5):
        while follower.position < 1:
            await asyncio.sleep(0.005)


async def test_its_durable_position_is_noted_so_that_the_log_is_kept(bench: Bench) -> None:
    follower = await bench.follow(SLOW)
    await follower.wait_for(await bench.put("a"))
    assert dict(await bench.store.followers(bench.key)) == {"vectors": 0}
    await bench.view.flush()
    await follower.wait_for(await bench.put("b"))
    async with asyncio.timeout(5):
        while dict(await bench.store.followers(bench.key)) != {"vectors": 1}:
            await asyncio.sleep(0.005)
    await bench.view.flush()
    await bench.stack.aclose()
    assert dict(await bench.store.followers(bench.key)) == {"vectors": 2}


async def test_behind_the_trim_it_starts_again_from_a_snapshot(bench: Bench) -> None:
    head = await bench.put("a", "b", "c", "d")
    async with bench.store.transaction(bench.key) as transaction:
        head = await transaction.delete_document(DocumentId("b"), 1, NOW)
    await bench.store.retire(bench.key, head, head, LATER)
    follower = await bench.follow(SLOW)
    await follower.wait_for(head)
    assert bench.view.resets == 1
    assert await bench.view.count() == 3
    await follower.wait_for(await bench.put("e"))
    assert bench.view.resets == 1
    assert await bench.view.count() == 4


async def test_a_rebuild_misses_nothing_that_is_written_meanwhile(bench: Bench) -> None:
    head = await bench.put(*(f"d{i}" for i in range(7)))
    await bench.store.retire(bench.key, head, head, LATER)
    follower = await bench.follow(SLOW)
    writing = asyncio.gather(*(bench.put(f"new{i}") for i in range(5)))
    await follower.wait_for(max(await writing))
    assert await bench.view.count() == 12


async def test_during_a_rebuild_the_view_does_not_claim_what_it_lacks(bench: Bench) -> None:
    head = await bench.put(*(f"d{i}" for i in range(7)))
    await bench.store.retire(bench.key, head, head, LATER)
    claimed: list[tuple[int, int]] = []
    apply = bench.view.apply

    async def watched(batch: ChangeBatch, /) -> None:
        await apply(batch)
        claimed.append((await bench.view.count(), bench.view.position))

    bench.view.apply = watched  # type: ignore[method-assign]
    follower = await bench.follow(SLOW)
    await follower.wait_for(head)
    assert claimed == [(3, 0), (6, 0), (7, 7)]


async def test_it_says_so_while_what_was_searchable_is_not(bench: Bench) -> None:
    head = await bench.put("a", "b", "c", "d")
    await bench.store.retire(bench.key, head, head, LATER)
    held, going = asyncio.Event(), asyncio.Event()
    apply = bench.view.apply

    async def holding(batch: ChangeBatch, /) -> None:
        held.set()
        await going.wait()
        await apply(batch)

    bench.view.apply = holding  # type: ignore[method-assign]
    follower = await bench.follow(SLOW)
    await held.wait()
    assert follower.rebuilding
    going.set()
    await follower.wait_for(head)
    assert not follower.rebuilding


async def test_a_view_that_has_lost_its_files_says_so_until_it_has_caught_up(bench: Bench) -> None:
    head = await bench.put("a", "b")
    lost = Follower(
        "vectors",
        bench.view,
        bench.store,
        bench.key,
        FIRST,
        SLOW,
        texts=False,
        vectors=EMBEDDER,
        clock=SystemClock(),
        had=Position(2),
    )
    new = Follower("vectors", bench.view, bench.store, bench.key, FIRST, SLOW, **OPTIONS)
    assert lost.rebuilding
    assert not new.rebuilding, "one that has never had anything merely follows"
    async with lost.running():
        await lost.wait_for(head)
        assert not lost.rebuilding


async def test_a_failure_is_told_and_overcome(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.view.error = OSError("the disk is away")
    follower = await bench.follow(QUICK)
    head = await bench.put("a")
    async with asyncio.timeout(5):
        while follower.failure is None:
            await asyncio.sleep(0.005)
    assert follower.failure == "OSError: the disk is away"
    assert "cannot follow" in caplog.text
    bench.view.error = None
    async with asyncio.timeout(5):
        while follower.position < head:
            await asyncio.sleep(0.01)
        while follower.failure is not None:
            await asyncio.sleep(0.01)


async def test_who_waits_for_a_view_that_fails_is_let_go(bench: Bench) -> None:
    bench.view.error = OSError("the disk is away")
    follower = await bench.follow(SLOW)
    waiting = asyncio.create_task(follower.wait_for(await bench.put("a")))
    await within(waiting)
    assert follower.position == 0
    assert follower.failure is not None


async def test_who_waits_is_let_go_when_the_follower_ends(bench: Bench) -> None:
    follower = await bench.follow(SLOW)
    waiting = asyncio.create_task(follower.wait_for(Position(1)))
    await asyncio.sleep(0)
    assert not waiting.done()
    await bench.stack.aclose()
    await within(waiting)
    await within(asyncio.create_task(follower.wait_for(Position(1))))
    assert (follower.position, follower.failure) == (0, "closed")


async def test_what_a_damaged_file_took_is_given_again_between_looks_at_the_log(bench: Bench) -> None:
    follower = await bench.follow(SLOW)
    await follower.wait_for(await bench.put(*"abcdefgh"))
    held, going = asyncio.Event(), asyncio.Event()
    repair = bench.view.repair

    async def holding(*arguments: Any) -> None:
        held.set()
        await going.wait()
        await repair(*arguments)

    bench.view.repair = holding  # type: ignore[method-assign]
    bench.view.lose(2, "x.segment: expected whole, found broken")
    await within(asyncio.create_task(held.wait()))  # type: ignore[arg-type]
    assert follower.rebuilding
    assert "x.segment" in follower.trouble
    assert await bench.view.count() == 2
    head = await bench.put("new")
    going.set()
    async with asyncio.timeout(5):
        while follower.rebuilding:
            await asyncio.sleep(0.005)
    await follower.wait_for(head)
    assert (follower.trouble, await bench.view.count(), bench.view.resets) == ("", 9, 0)
