"""What is away is waited for, what can never be applied is set aside, and nobody else waits."""

import asyncio
import itertools
from typing import Any

from ragstone_server.spi.errors import CatalogUnavailable, StorageFull
from ragstone_server.spi.sources import SourceMove, SourceName
from tests.unit.transport.kafka.bench import OTHER, SOURCE, Bench, Process, away, eventually, only
from tests.unit.transport.kafka.log import Log, event, upserts
from tests.unit.transport.kafka.virtual import in_virtual_time


@in_virtual_time
async def test_what_is_away_is_waited_for_with_growing_pauses_and_said() -> None:
    bench, log, tries = await Bench().open(), upserts("a"), []

    async def failing() -> None:
        tries.append(asyncio.get_running_loop().time())
        await away()

    bench.preparing = only("a", failing)
    process = Process(bench)
    partition = process.assign(log)
    await asyncio.sleep(120)
    assert partition.waiting == "the embedder is away"
    assert partition.pending == 1
    gaps = [after - before for before, after in itertools.pairwise(tries)]
    assert gaps[0] < 0.2
    assert max(gaps) > 9
    assert len(tries) < 25
    bench.preparing = bench.nothing
    await process.until(1)
    assert partition.waiting == ""
    assert await bench.letters() == []
    await process.stop()


@in_virtual_time
async def test_what_waits_holds_back_what_stands_behind_it_in_its_partition_and_nothing_else() -> None:
    """A provider that hangs and then fails takes no place from others, neither in fetching nor in working out."""
    bench = await Bench().open()
    stuck, log = upserts(*(f"s{number}" for number in range(300))), upserts(*(f"d{number}" for number in range(300)))
    begun: list[str] = []

    async def preparing(change: Any) -> None:
        document = change.name.document
        if document.startswith("s"):
            begun.append(document)
            await asyncio.sleep(60)
            await away()
        await asyncio.sleep(0.01)

    bench.preparing = preparing
    process = Process(bench, parallel=8, documents=40, fetch=20)
    partition = process.assign(stuck, OTHER)
    await eventually(lambda: partition.pending >= 20)
    process.assign(log)
    began = asyncio.get_running_loop().time()
    await process.until(300)
    assert asyncio.get_running_loop().time() - began < 100
    assert partition.next == 0
    await eventually(lambda: bool(partition.waiting))
    before = len(begun)
    await asyncio.sleep(600)
    assert set(begun[before:]) == {"s0"}, "only the first is tried again, and none is begun behind it"
    await process.stop()
    assert process.idle()


@in_virtual_time
async def test_what_waited_goes_on_at_once_when_the_provider_is_back() -> None:
    bench, log = await Bench().open(), upserts("a", "b", "c", "d")
    bench.preparing = only("a b c d", away)
    process = Process(bench, fetch=100)
    partition = process.assign(log)
    await eventually(lambda: bool(partition.waiting))
    await asyncio.sleep(300)
    bench.preparing = bench.nothing
    await eventually(lambda: (partition.next or 0) > 0)
    came = asyncio.get_running_loop().time()
    await process.until(4)
    assert asyncio.get_running_loop().time() - came < 1
    await process.stop()


@in_virtual_time
async def test_a_slow_document_at_the_head_holds_back_no_other_partition() -> None:
    bench, slow, log = await Bench().open(), Log(), upserts(*(f"d{number}" for number in range(200)))
    slow.add(event("slow", 1, "text"), "slow")
    for number in range(200):
        slow.add(event(f"s{number}", 1, f"text {number}"), f"s{number}")
    bench.preparing = only("slow", lambda: asyncio.sleep(900))
    process = Process(bench, documents=60, parallel=4)
    partition = process.assign(slow, OTHER)
    process.assign(log)
    await process.until(200)
    assert partition.next == 0
    assert partition.waiting == "", "it does not wait, it works"
    assert 0 < partition.pending <= 60 + 7
    await process.until(201, OTHER)
    await process.stop()
    assert process.idle()


@in_virtual_time
async def test_an_event_that_breaks_in_unknown_ways_is_set_aside() -> None:
    bench, log = await Bench().open(), upserts("a", "b", "c")

    async def breaks() -> None:
        raise ZeroDivisionError

    bench.preparing = only("b", breaks)
    process = Process(bench)
    process.assign(log)
    await process.until(3)
    await process.stop()
    assert await bench.letters() == [(1, "INTERNAL")]
    assert set(await bench.texts()) == {"a", "c"}


@in_virtual_time
async def test_work_that_something_else_cancels_is_done_again() -> None:
    bench, log, cancelled = await Bench().open(), upserts("a", "b"), [1, 1]

    async def cancel() -> None:
        if cancelled:
            cancelled.pop()
            raise asyncio.CancelledError

    bench.preparing = only("a", cancel)
    process = Process(bench)
    process.assign(log)
    await process.until(2)
    await process.stop()
    assert set(await bench.texts()) == {"a", "b"}
    assert process.flow.free == 8


@in_virtual_time
async def test_a_transaction_that_breaks_is_tried_event_by_event() -> None:
    bench, log = await Bench().open(), upserts("a", "b", "c", "d")

    async def breaks(move: SourceMove, steps: list[Any]) -> None:
        if any(getattr(step, "document", "") == "c" for step in steps):
            raise ZeroDivisionError

    bench.applying = breaks
    process = Process(bench)
    process.assign(log)
    await process.until(4)
    await process.stop()
    assert await bench.letters() == [(2, "INTERNAL")]
    assert set(await bench.texts()) == {"a", "b", "d"}


@in_virtual_time
async def test_a_catalog_that_takes_not_even_a_letter_is_tried_ever_more_rarely() -> None:
    bench, log, tries = await Bench().open(), upserts("a"), []

    async def breaks(move: SourceMove, steps: list[Any]) -> None:
        if steps:
            tries.append(asyncio.get_running_loop().time())
            raise ZeroDivisionError

    bench.applying = breaks
    process = Process(bench)
    partition = process.assign(log)
    await asyncio.sleep(600)
    assert len(tries) < 60
    assert partition.waiting == "ZeroDivisionError: "
    bench.applying = bench.nothing
    await process.until(1)
    assert await bench.letters() == [(0, "INTERNAL")]
    await process.stop()


@in_virtual_time
async def test_a_full_disk_is_waited_for() -> None:
    bench, log, failures = await Bench().open(), upserts("a"), [StorageFull(), CatalogUnavailable()]

    async def failing(move: SourceMove, steps: list[Any]) -> None:
        if failures:
            raise failures.pop()

    bench.applying = failing
    process = Process(bench)
    process.assign(log)
    await process.until(1)
    await process.stop()
    assert (await bench.texts())["a"] == (1, "text a")


@in_virtual_time
async def test_where_nothing_can_be_fetched_it_says_why_and_tries_again() -> None:
    bench, log = await Bench().open(), upserts("a")
    process = Process(bench)
    partition = process.assign(log)
    process.partitions.clear()
    await eventually(lambda: partition.waiting == "not assigned")
    process.partitions[SOURCE] = partition
    await process.until(1)
    assert partition.waiting == ""
    await process.stop()


@in_virtual_time
async def test_a_catalog_that_breaks_in_unknown_ways_does_not_end_the_task() -> None:
    bench, log = await Bench().open(), upserts("a")
    claim = bench.store.sources.claim

    async def breaks(source: SourceName) -> Any:
        raise ZeroDivisionError

    bench.store.sources.claim = breaks  # type: ignore[method-assign]
    bench.store.sources.release = breaks  # type: ignore[method-assign,assignment]
    process = Process(bench)
    partition = process.assign(log)
    await eventually(lambda: partition.waiting == "ZeroDivisionError: ")
    bench.store.sources.claim = claim  # type: ignore[method-assign]
    await process.until(1)
    await process.stop()
