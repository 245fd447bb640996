"""A partition's records are applied in order, each once; what happens around it changes nothing of that."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ragstone_server.spi.errors import CatalogUnavailable, StorageFull
from ragstone_server.spi.sources import SourceMove, SourceName
from tests.unit.transport.kafka.bench import SOURCE, Bench, Process, away, eventually
from tests.unit.transport.kafka.log import Log, event, referring
from tests.unit.transport.kafka.virtual import in_virtual_time

OTHER = SourceName("kafka/ragstone/documents/00001")


def upserts(*documents: str) -> Log:
    """A new document each."""
    log = Log()
    for document in documents:
        log.add(event(document, 1, f"text {document}"), document)
    return log


def only(names: str, then: Callable[[], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """Do something when these documents are worked out."""

    async def preparing(change: Any) -> None:
        if change.name.document in names.split():
            await then()

    return preparing


@in_virtual_time
async def test_records_are_applied_in_their_order() -> None:
    bench, log = await Bench().open(), Log()
    for number in range(40):
        log.add(event(f"d{number % 4}", None, f"text {number}"), f"d{number % 4}")
    log.add(event("d1"), "d1")
    log.add(None, "d2")
    process = Process(bench)
    process.assign(log)
    await process.until(42)
    await process.stop()
    assert {name: text for name, (_, text) in (await bench.texts()).items()} == {"d0": "text 36", "d3": "text 39"}
    assert process.idle()
    assert await bench.store.sources.positions("") == {SOURCE: 42}


@in_virtual_time
async def test_different_documents_are_worked_out_side_by_side_and_applied_together() -> None:
    bench, log = await Bench().open(), upserts(*(f"d{number}" for number in range(8)))
    bench.preparing = only(" ".join(f"d{number}" for number in range(8)), lambda: asyncio.sleep(10))
    process = Process(bench, parallel=8, commit=5, fetch=100)
    process.assign(log)
    began = asyncio.get_running_loop().time()
    await process.until(8)
    assert asyncio.get_running_loop().time() - began < 20, "not one after the other"
    assert [after for _, _, after in bench.moves] == [0, 5, 8], "several to a transaction, and not too many"
    await process.stop()


@in_virtual_time
async def test_offsets_that_no_record_has_are_passed() -> None:
    bench, log = await Bench().open(), Log(first=3)
    log.add(event("a", 1, "text a"), "a", gap=7)
    log.add(event("b", 1, "text b"), "b", gap=2)
    process = Process(bench)
    process.assign(log)
    await process.until(log.end)
    await process.stop()
    assert bench.moves[0] == (SOURCE, None, 3), "where it begins is noted before anything is applied"
    assert await bench.store.sources.positions("") == {SOURCE: 11}


@in_virtual_time
async def test_what_can_never_be_applied_is_set_aside_and_the_rest_goes_on() -> None:
    bench, log = await Bench().open(), Log()
    log.add(event("a", 3, "new"), "a")
    log.add(b"{broken", "b")
    log.add(event("a", 2, "old"), "a")
    log.add(event("a", 3, "new"), "a")
    log.add(event("nowhere", 1, "x").replace(b'"handbook"', b'"no-book"'))
    log.add(event("gone"), "gone")
    log.add(referring("c", "https://files.example.com/c"), "c")
    process = Process(bench)
    partition = process.assign(log)
    await process.until(7)
    await process.stop()
    assert await bench.letters() == [(1, "INVALID_EVENT"), (4, "COLLECTION_NOT_FOUND")]
    assert set(await bench.texts()) == {"a", "c"}
    counts = partition.counts
    assert (counts.written, counts.unchanged, counts.skipped, counts.dead) == (2, 1, 2, 2)


@in_virtual_time
async def test_a_letter_has_the_event_as_it_came() -> None:
    bench, log = await Bench().open(), Log()
    record = log.add(b"\x00broken", "b", at_ms=2**62)
    process = Process(bench)
    process.assign(log)
    await process.until(1)
    await process.stop()
    kept = await bench.store.sources.unpublished(SOURCE, 10)
    letter = kept[0].letter
    assert (letter.key, letter.value, letter.headers) == (record.key, record.value, record.headers)
    assert (letter.source, letter.offset, letter.event_time.year) == (SOURCE, 0, 9999)


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
    gaps = [after - before for before, after in zip(tries, tries[1:], strict=False)]
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
async def test_a_slow_document_does_not_hold_up_a_handover() -> None:
    bench, log = await Bench().open(), upserts("slow", "b")
    bench.preparing = only("slow", lambda: asyncio.sleep(900))
    process = Process(bench)
    partition = process.assign(log)
    await eventually(lambda: partition.pending == 2)
    began = asyncio.get_running_loop().time()
    await process.stop()
    assert asyncio.get_running_loop().time() == began
    assert process.idle()
    assert (await bench.store.sources.claim(SOURCE)).clean


@in_virtual_time
async def test_a_catalog_that_is_away_does_not_hold_up_a_handover() -> None:
    bench, log = await Bench().open(), upserts("a")

    async def failing(move: SourceMove, steps: list[Any]) -> None:
        raise CatalogUnavailable

    process = Process(bench)
    partition = process.assign(log)
    await eventually(lambda: partition.ready)
    bench.applying = failing
    await eventually(lambda: bool(partition.waiting))
    await asyncio.sleep(100)
    began = asyncio.get_running_loop().time()
    await partition.revoke()
    assert asyncio.get_running_loop().time() == began
    await process.stop()


@in_virtual_time
async def test_a_handover_waits_for_the_transaction_that_was_begun() -> None:
    bench, log = await Bench().open(), upserts("a")
    process = Process(bench)
    partition = process.assign(log)
    await eventually(lambda: partition.ready)

    async def slowly(move: SourceMove, steps: list[Any]) -> None:
        await asyncio.sleep(4)

    bench.applying = slowly
    await asyncio.sleep(1)
    await partition.revoke()
    assert partition.next == 1
    assert (await bench.store.sources.claim(SOURCE)).clean
    await process.stop()


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
async def test_what_no_longer_fits_is_worked_out_again_and_nothing_is_applied_before_it() -> None:
    """The third event finds the content of the first as it was stored; in the transaction the second has changed it."""
    bench, log = await Bench().open(), Log()
    log.add(event("a", 1, "one"), "a")
    process = Process(bench, fetch=100, commit=100)
    process.assign(log)
    await process.until(1)
    for version, text in ((2, "two"), (3, "one"), (4, "four"), (5, "one")):
        log.add(event("a", version, text), "a")
        log.add(event(f"b{version}", 1, text), f"b{version}")
    await process.until(9)
    await process.stop()
    assert (await bench.texts())["a"] == (5, "one")
    assert [before for _, before, _ in bench.moves[1:]] == [after for _, _, after in bench.moves[:-1]]


@in_virtual_time
async def test_a_partition_that_comes_back_keeps_what_it_holds() -> None:
    bench, log, prepared = await Bench().open(), upserts(*(f"d{number}" for number in range(20))), []

    async def counted(change: Any) -> None:
        prepared.append(change.name.document)

    async def slowly(move: SourceMove, steps: list[Any]) -> None:
        await asyncio.sleep(2 if steps else 0)

    bench.preparing, bench.applying = counted, slowly
    process = Process(bench, parallel=50)
    partition = process.assign(log)
    await eventually(lambda: len(prepared) == 20)
    await partition.revoke()
    assert not partition.ready
    process.assign(log)
    await process.until(20)
    await process.stop()
    assert len(prepared) == 20, "nothing was worked out twice"
    assert len(await bench.texts()) == 20


@in_virtual_time
async def test_what_was_fetched_is_forgotten_when_another_has_applied_it() -> None:
    bench, log = await Bench().open(), upserts(*(f"d{number}" for number in range(20)))
    bench.preparing = only("d0", lambda: asyncio.sleep(60))
    first, second = Process(bench), Process(bench)
    partition = first.assign(log)
    await eventually(lambda: partition.pending == 20)
    await partition.revoke()
    bench.preparing = bench.nothing
    second.assign(log)
    await second.until(20)
    await second.stop()
    first.assign(log)
    await first.until(20)
    log.add(event("last", 1, "text"), "last")
    await first.until(21)
    await first.stop()
    assert first.idle()
    assert len(await bench.texts()) == 21


@in_virtual_time
async def test_assigning_while_the_last_transaction_runs_waits_for_it() -> None:
    """A rebalance does not wait for a catalog that hangs, and two tasks of one partition would fence each other."""
    bench, log = await Bench().open(), upserts("a", "b")
    process = Process(bench, commit=1)
    partition = process.assign(log)
    await eventually(lambda: partition.ready)
    moves: list[SourceMove] = []

    async def hanging(move: SourceMove, steps: list[Any]) -> None:
        moves.append(move)
        await asyncio.sleep(30 if len(moves) == 1 else 0)

    bench.applying = hanging
    await eventually(lambda: bool(moves))
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await partition.revoke()
        process.assign(log)
        assert not partition.ready
    await process.until(2)
    assert [(move.expected, move.next) for move in moves] == [(0, 1), (1, 2)]
    await process.stop()


@in_virtual_time
async def test_closing_gives_everything_back_though_the_catalog_hangs() -> None:
    bench, log = await Bench().open(), upserts("a", "b", "c")
    process = Process(bench)
    partition = process.assign(log)
    await eventually(lambda: partition.ready)

    async def hanging(move: SourceMove, steps: list[Any]) -> None:
        await asyncio.sleep(30)

    bench.applying = hanging
    await eventually(lambda: partition.pending == 3)
    await asyncio.sleep(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await partition.close()
    assert process.idle()
    await asyncio.sleep(60)
    assert process.idle(), "nor is anything given back twice"
    assert process.flow.free == 8


@in_virtual_time
async def test_p2_a_frozen_holder_writes_nothing_when_it_wakes() -> None:
    bench, log = await Bench().open(), upserts("a")
    frozen, other = Process(bench), Process(bench)
    frozen.assign(log)
    await frozen.until(1)
    log.add(event("a", None, "second"), "a")
    frozen.freeze()
    await asyncio.sleep(1)
    other.assign(log)
    await other.until(2)
    before = await bench.texts()
    await asyncio.sleep(90)
    frozen.thaw()
    await asyncio.sleep(1)
    assert await bench.texts() == before
    assert before["a"] == (2, "second")
    await frozen.die()
    await other.stop()


@in_virtual_time
async def test_two_that_believe_to_have_it_take_it_from_each_other_ever_more_rarely() -> None:
    bench, log = await Bench().open(), Log()
    claims: list[float] = []
    claim = bench.store.sources.claim

    async def counted(source: SourceName) -> Any:
        claims.append(asyncio.get_running_loop().time())
        return await claim(source)

    bench.store.sources.claim = counted  # type: ignore[method-assign]
    one, two = Process(bench), Process(bench)
    for number in range(200):
        log.add(event(f"d{number}", 1, f"text {number}"), f"d{number}")
    bench.preparing = only(" ".join(f"d{number}" for number in range(200)), lambda: asyncio.sleep(5))
    one.assign(log)
    two.assign(log)
    await asyncio.sleep(600)
    assert len(claims) < 100
    await two.lose()
    await one.until(200)
    await one.stop()
    await two.stop()
    assert len(await bench.texts()) == 200


@in_virtual_time
async def test_a_commit_whose_answer_is_lost_is_not_made_twice() -> None:
    bench, log = await Bench(random.Random(3)).open(), upserts(*(f"d{number}" for number in range(30)))
    process = Process(bench, rate=0.1)
    process.assign(log)
    await process.until(30)
    process.sources.rate = process.store.rate = 0
    await process.stop()
    moves = bench.moves
    assert [before for _, before, _ in moves] == [None, *(after for _, _, after in moves[:-1])]
    assert len(await bench.texts()) == 30


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
