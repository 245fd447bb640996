"""A partition's records are applied in order, each once; what happens around it changes nothing of that."""

import asyncio
import random

from tests.unit.transport.kafka.bench import SOURCE, Bench, Process, only
from tests.unit.transport.kafka.log import Log, event, referring, upserts
from tests.unit.transport.kafka.virtual import in_virtual_time


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
