"""An event over which processes die is found, and no other is blamed."""

import asyncio
from typing import Any

import pytest

from ragstone_server.spi.sources import SourceName
from tests.unit.transport.kafka.bench import SOURCE, Bench, Process, away, eventually
from tests.unit.transport.kafka.log import Log, event
from tests.unit.transport.kafka.virtual import in_virtual_time

SOURCES = tuple(SourceName(f"kafka/ragstone/documents/{number:05d}") for number in range(4))


def logs(events: int) -> dict[SourceName, Log]:
    """Documents `d<partition>-<number>`."""
    made = {source: Log() for source in SOURCES}
    for partition, log in enumerate(made.values()):
        for number in range(events):
            log.add(event(f"d{partition}-{number}", 1, f"text {number}"), f"d{partition}-{number}")
    return made


class Mine:
    """Ends the process that works on one of these documents, at once."""

    def __init__(self, bench: Bench, *documents: str) -> None:
        self.deaths = 0
        self.process: Process | None = None
        self._documents = documents
        self._gone = asyncio.Event()
        bench.preparing = self._preparing

    async def _preparing(self, change: Any) -> None:
        if change.name.document in self._documents and self.process is not None:
            self.process.sources.dead = self.process.store.dead = True
            self._gone.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0.05)

    async def lives(self, bench: Bench, topic: dict[SourceName, Log], most: int, **settings: int) -> Process:
        """One process after the other, until one applies everything."""
        while self.deaths <= most:
            self._gone.clear()
            self.process = Process(bench, **settings)
            for source, log in topic.items():
                self.process.assign(log, source)
            process = self.process
            done = asyncio.create_task(
                eventually(
                    lambda process=process: all(
                        (process.partitions[s].next or 0) == each.end for s, each in topic.items()
                    )
                )
            )
            gone = asyncio.create_task(self._gone.wait())
            await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if done.done():
                return process
            done.cancel()
            self.deaths += 1
            await self.process.die()
        pytest.fail(f"still dying after {self.deaths} lives")


@in_virtual_time
async def test_an_event_over_which_processes_die_is_set_aside_with_the_event() -> None:
    bench = await Bench().open()
    log = logs(5)[SOURCE]
    process = await Mine(bench, "d0-2").lives(bench, {SOURCE: log}, 6, poison=3)
    await process.stop()
    assert await bench.letters() == [(2, "POISON")]
    (letter,) = await bench.store.sources.unpublished(SOURCE, 10)
    assert letter.letter.value == log.records[2].value
    assert "ended 3 times" in letter.letter.message
    assert set(await bench.texts()) == {"d0-0", "d0-1", "d0-3", "d0-4"}
    assert process.idle()


@pytest.mark.parametrize("tries", [2, 4])
@in_virtual_time
async def test_it_may_kill_as_often_as_the_settings_say(tries: int) -> None:
    bench = await Bench().open()
    mine = Mine(bench, "d0-0")
    process = await mine.lives(bench, {SOURCE: logs(1)[SOURCE]}, 6, poison=tries)
    await process.stop()
    assert mine.deaths == tries + 1, "the first death told only that there was one"


@in_virtual_time
async def test_events_of_other_partitions_that_die_with_it_are_not_blamed() -> None:
    bench, topic = await Bench().open(), logs(6)
    process = await Mine(bench, "d1-0", "d2-3").lives(bench, topic, 12, poison=2)
    await process.stop()
    kept = [each for source in SOURCES for each in await bench.store.sources.unpublished(source, 10)]
    assert {(each.letter.source, each.letter.offset) for each in kept} == {(SOURCES[1], 0), (SOURCES[2], 3)}
    assert len(await bench.texts()) == 4 * 6 - 2


@in_virtual_time
async def test_who_dies_while_an_event_waits_does_not_die_over_it() -> None:
    bench, log = await Bench().open(), logs(1)[SOURCE]

    async def waits(change: Any) -> None:
        await away()

    bench.preparing = waits
    for _ in range(8):
        process = Process(bench, poison=2)
        partition = process.assign(log)
        await asyncio.sleep(60)
        assert partition.waiting == "the embedder is away"
        # Between two tries; while it is tried, nobody knows.
        await eventually(lambda: bench.store.sources._sources[SOURCE].trying is None)
        await process.die()
    bench.preparing = bench.nothing
    process = Process(bench, poison=2)
    process.assign(log)
    await process.until(1)
    await process.stop()
    assert await bench.letters() == []


@in_virtual_time
async def test_who_is_asked_to_hand_over_while_it_tries_an_event_did_not_die_over_it() -> None:
    bench, log = await Bench().open(), logs(2)[SOURCE]
    process = Process(bench)
    process.assign(log)
    await asyncio.sleep(0.5)
    await process.die()

    async def slowly(change: Any) -> None:
        await asyncio.sleep(50)

    bench.preparing = slowly
    for _ in range(8):
        process = Process(bench, poison=2)
        process.assign(log)
        await asyncio.sleep(20)
        process.assign(log)
        await asyncio.sleep(10)
        await process.stop()
    bench.preparing = bench.nothing
    process = Process(bench, poison=2)
    process.assign(log)
    await process.until(2)
    assert await bench.letters() == []
    await process.stop()


@in_virtual_time
async def test_two_that_take_it_from_each_other_do_not_die_over_what_both_try() -> None:
    bench, log = await Bench().open(), logs(1)[SOURCE]

    async def slowly(change: Any) -> None:
        await asyncio.sleep(50)

    bench.preparing = slowly
    await bench.store.sources.claim(SOURCE)
    one, two = Process(bench, poison=2), Process(bench, poison=2)
    one.assign(log)
    two.assign(log)
    await asyncio.sleep(600)
    await two.stop()
    await one.until(1)
    await one.stop()
    assert await bench.letters() == []


@in_virtual_time
async def test_who_hands_over_makes_nobody_careful() -> None:
    bench, log = await Bench().open(), logs(3)[SOURCE]
    process = Process(bench)
    process.assign(log)
    await process.until(3)
    await process.stop()
    assert (await bench.store.sources.claim(SOURCE)).clean


@in_virtual_time
async def test_it_is_careful_only_as_long_as_the_dead_one_may_have_come() -> None:
    bench, log = await Bench().open(), logs(60)[SOURCE]
    await bench.store.sources.claim(SOURCE)
    process = Process(bench, documents=20, parallel=8, fetch=100)

    async def slowly(change: Any) -> None:
        await asyncio.sleep(1)

    bench.preparing = slowly
    process.assign(log)
    await process.until(8)
    assert asyncio.get_running_loop().time() >= 8, "one by one"
    await process.until(60)
    assert asyncio.get_running_loop().time() < 8 + 15, "and side by side again"
    await process.stop()


@in_virtual_time
async def test_a_suspect_that_waits_holds_up_no_other_suspect() -> None:
    bench, topic = await Bench().open(), logs(2)
    for source in SOURCES:
        await bench.store.sources.claim(source)

    async def preparing(change: Any) -> None:
        if change.name.document.startswith("d0"):
            await away()

    bench.preparing = preparing
    process = Process(bench)
    for source, log in topic.items():
        process.assign(log, source)
    for source in SOURCES[1:]:
        await process.until(2, source)
    assert process.partitions[SOURCES[0]].waiting
    await process.stop()
