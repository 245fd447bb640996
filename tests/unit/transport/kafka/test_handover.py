"""A partition that comes and goes loses nothing, and is written by one only."""

import asyncio
from typing import Any

import pytest

from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.sources import SourceMove, SourceName
from tests.unit.transport.kafka.bench import SOURCE, Bench, Process, eventually, only
from tests.unit.transport.kafka.log import Log, event, upserts
from tests.unit.transport.kafka.virtual import in_virtual_time


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
