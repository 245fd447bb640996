"""A partition's records are applied in order, each once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_server.spi.errors import CatalogUnavailable, StageFailed
from ragstone_server.spi.sources import DeadLetterId
from ragstone_server.transport.kafka import working_out
from tests.unit.transport.kafka.bench import SOURCE, Bench, Log, Reader, event, open_bench

FIRST = DeadLetterId(0)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working_out, "FIRST_PAUSE_S", 0.0001)
    monkeypatch.setattr(working_out, "LONGEST_PAUSE_S", 0.001)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path) as bench:
        yield bench


async def letters(bench: Bench) -> list[tuple[int, str]]:
    found = await bench.house.store.sources.dead_letters(FIRST, 100)
    return [(each.letter.offset, each.letter.reason) for each in found]


async def test_records_are_applied_in_their_order(bench: Bench) -> None:
    log = Log()
    for number in range(40):
        log.add(event(f"d{number % 4}", None, f"text {number}"), f"d{number % 4}")
    log.add(event("d1"), "d1")
    log.add(None, "d2")
    reader = Reader(bench, log)
    reader.start()
    await reader.until(42)
    await reader.stop()
    assert {name: text for name, (_, text) in (await bench.texts()).items()} == {"d0": "text 36", "d3": "text 39"}
    assert (reader.flow.documents, reader.flow.bytes) == (0, 0)
    assert await bench.house.store.sources.positions("") == {SOURCE: 42}
    assert reader.partition.counts.written == 42


async def test_what_can_never_be_applied_is_set_aside_and_the_rest_goes_on(bench: Bench) -> None:
    log = Log()
    log.add(event("a", 3, "new"), "a")
    log.add(b"{broken", "b")
    log.add(event("a", 2, "old"), "a")
    log.add(event("a", 3, "new"), "a")
    log.add(event("nowhere", 1, "x").replace(b'"collection": "', b'"collection": "no-'), "")
    log.add(event("gone"), "gone")
    log.add(event("c", 1, "last"), "c")
    reader = Reader(bench, log)
    reader.start()
    await reader.until(7)
    await reader.stop()
    assert await letters(bench) == [(1, "INVALID_EVENT"), (4, "COLLECTION_NOT_FOUND")]
    assert set(await bench.texts()) == {"a", "c"}
    counts = reader.partition.counts
    assert (counts.written, counts.unchanged, counts.skipped, counts.dead) == (2, 1, 2, 2)


async def test_what_is_away_is_waited_for_and_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log, away = Log(), True
    log.add(event("a", 1, "text"), "a")
    prepare = bench.events.prepare

    async def sometimes(change):  # type: ignore[no-untyped-def]
        if away:
            raise StageFailed("the embedder is away")
        return await prepare(change)

    monkeypatch.setattr(bench.events, "prepare", sometimes)
    reader = Reader(bench, log)
    reader.start()
    async with asyncio.timeout(5):
        while reader.partition.waiting != "the embedder is away":
            await asyncio.sleep(0.001)
    assert await letters(bench) == []
    away = False
    await reader.until(1)
    assert reader.partition.waiting == ""
    await reader.stop()


async def test_what_waits_for_a_provider_takes_no_place_from_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    for name in ("a", "b", "c"):
        log.add(event(name, 1, f"text {name}"), name)
    prepared: list[str] = []
    prepare = bench.events.prepare

    async def sometimes(change):  # type: ignore[no-untyped-def]
        if change.name.document in "ab" and "c" not in prepared:
            raise StageFailed("the embedder is away")
        prepared.append(change.name.document)
        return await prepare(change)

    monkeypatch.setattr(bench.events, "prepare", sometimes)
    reader = Reader(bench, log, parallel=1)
    reader.start()
    await reader.until(3)
    await reader.stop()
    assert prepared[0] == "c"
    assert set(await bench.texts()) == {"a", "b", "c"}


async def test_an_event_that_breaks_in_unknown_ways_is_set_aside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    for name in "abc":
        log.add(event(name, 1, f"text {name}"), name)
    prepare = bench.events.prepare

    async def breaks(change):  # type: ignore[no-untyped-def]
        if change.name.document == "b":
            raise ZeroDivisionError
        return await prepare(change)

    monkeypatch.setattr(bench.events, "prepare", breaks)
    reader = Reader(bench, log)
    reader.start()
    await reader.until(3)
    await reader.stop()
    assert await letters(bench) == [(1, "INTERNAL")]
    assert set(await bench.texts()) == {"a", "c"}


async def test_a_transaction_that_breaks_is_tried_event_by_event(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    for name in "abcd":
        log.add(event(name, 1, f"text {name}"), name)
    apply = bench.events.apply

    async def breaks(move, steps, letter_of):  # type: ignore[no-untyped-def]
        if any(getattr(step, "document", "") == "c" for step in steps):
            raise ZeroDivisionError
        return await apply(move, steps, letter_of)

    monkeypatch.setattr(bench.events, "apply", breaks)
    reader = Reader(bench, log)
    reader.start()
    await reader.until(4)
    await reader.stop()
    assert await letters(bench) == [(2, "INTERNAL")]
    assert set(await bench.texts()) == {"a", "b", "d"}


async def test_an_event_over_which_processes_die_is_set_aside(bench: Bench) -> None:
    """The claim was never released, so the next holder tries one by one, and counts."""
    log = Log()
    for name in "abc":
        log.add(event(name, 1, f"text {name}"), name)
    claim = await bench.house.store.sources.claim(SOURCE)
    for _ in range(3):
        claim = await bench.house.store.sources.claim(SOURCE)
        assert await bench.house.store.sources.begin_try(claim, 0) <= 3
    reader = Reader(bench, log, poison=3)
    reader.start()
    await reader.until(3)
    await reader.stop()
    assert await letters(bench) == [(0, "POISON")]
    assert set(await bench.texts()) == {"b", "c"}


async def test_who_dies_while_an_event_waits_does_not_die_over_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, away = Log(), True
    log.add(event("a", 1, "text"), "a")
    prepare = bench.events.prepare

    async def sometimes(change):  # type: ignore[no-untyped-def]
        if away:
            raise StageFailed("the embedder is away")
        return await prepare(change)

    monkeypatch.setattr(bench.events, "prepare", sometimes)
    for _ in range(5):
        await bench.house.store.sources.claim(SOURCE)
        reader = Reader(bench, log, poison=2)
        reader.start()
        async with asyncio.timeout(5):
            while not reader.partition.waiting or reader.partition._trying:
                await asyncio.sleep(0.001)
        await reader.die()
    away = False
    reader = Reader(bench, log, poison=2)
    reader.start()
    await reader.until(1)
    await reader.stop()
    assert await letters(bench) == []


async def test_who_hands_over_makes_nobody_careful(bench: Bench) -> None:
    log = Log()
    log.add(event("a", 1, "text"), "a")
    first = Reader(bench, log)
    first.start()
    await first.until(1)
    await first.stop()
    assert (await bench.house.store.sources.claim(SOURCE)).clean


async def test_p2_a_frozen_holder_writes_nothing_when_it_wakes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    log.add(event("a", None, "first"), "a")
    frozen = Reader(bench, log)
    frozen.start()
    await frozen.until(1)
    thawed = asyncio.Event()
    apply = bench.events.apply

    async def late(move, steps, letter_of):  # type: ignore[no-untyped-def]
        if move.claim.epoch == 1:
            await thawed.wait()
        return await apply(move, steps, letter_of)

    monkeypatch.setattr(bench.events, "apply", late)
    log.add(event("a", None, "second"), "a")
    await asyncio.sleep(0.01)
    other = Reader(bench, log)
    other.start()
    await other.until(2)
    before = await bench.texts()
    thawed.set()
    await asyncio.sleep(0.02)
    assert await bench.texts() == before
    assert before["a"][0] == 2
    await frozen.die()
    await other.stop()


async def test_a_partition_that_comes_back_keeps_what_it_holds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log, prepared = Log(), []
    for number in range(20):
        log.add(event(f"d{number}", 1, f"text {number}"), f"d{number}")
    hold = asyncio.Event()
    prepare, apply = bench.events.prepare, bench.events.apply

    async def counted(change):  # type: ignore[no-untyped-def]
        prepared.append(change.name.document)
        return await prepare(change)

    async def held(move, steps, letter_of):  # type: ignore[no-untyped-def]
        await hold.wait()
        return await apply(move, steps, letter_of)

    monkeypatch.setattr(bench.events, "prepare", counted)
    monkeypatch.setattr(bench.events, "apply", held)
    reader = Reader(bench, log, parallel=50)
    reader.start()
    async with asyncio.timeout(5):
        while len(prepared) < 20:
            await asyncio.sleep(0.001)
    revoking = asyncio.create_task(reader.partition.revoke())
    await asyncio.sleep(0.001)
    hold.set()
    await revoking
    reader.start()
    await reader.until(20)
    await reader.stop()
    assert len(prepared) == 20, "nothing was worked out twice"
    assert len(await bench.texts()) == 20


async def test_a_catalog_that_is_away_at_the_commit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log, failures = Log(), [CatalogUnavailable(), CatalogUnavailable()]
    log.add(event("a", None, "text"), "a")
    apply = bench.events.apply

    async def away(move, steps, letter_of):  # type: ignore[no-untyped-def]
        if failures:
            raise failures.pop()
        return await apply(move, steps, letter_of)

    monkeypatch.setattr(bench.events, "apply", away)
    reader = Reader(bench, log)
    reader.start()
    await reader.until(1)
    await reader.stop()
    assert (await bench.texts())["a"] == (1, "text")
