"""A partition that is taken away while the catalog is away: its events are at no fault."""

import asyncio
from typing import Any

from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.sources import SourceMove
from tests.unit.transport.kafka.bench import Bench, Process
from tests.unit.transport.kafka.log import Log, event
from tests.unit.transport.kafka.virtual import in_virtual_time


@in_virtual_time
async def test_p1_an_event_that_waits_for_the_catalog_is_not_blamed_when_its_partition_is_revoked() -> None:
    bench, log = await Bench().open(), Log()
    log.add(event("a", 1, "text a"), "a")
    asked, there = asyncio.Event(), asyncio.Event()

    async def applying(move: SourceMove, steps: list[Any]) -> None:
        if steps and not there.is_set():
            asked.set()
            raise CatalogUnavailable

    bench.applying = applying
    process = Process(bench)
    for _ in range(5):
        partition = process.assign(log)
        asked.clear()
        await asked.wait()
        await partition.revoke()
    there.set()
    process.assign(log)
    await process.until(1)
    counts = process.partition.counts
    await process.stop()
    assert (counts.written, counts.dead) == (1, 0)
    assert await bench.letters() == []
