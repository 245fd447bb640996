"""A partition that is taken away while the catalog is away: its events are at no fault."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from ragstone_server.catalog.applying import Outcome, Step
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.spi.errors import CatalogUnavailable, VersionStale
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.sources import NewDeadLetter, SourceClaim, SourceMove, SourceName
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.partition import Partition
from ragstone_server.transport.kafka.record import Record
from ragstone_server.transport.kafka.working_out import WorkOut
from tests.letters import SAMPLE

STALE = VersionStale("the document is stored with version 7, and 6 is not newer")
SOURCE = SourceName("kafka/ragstone/documents/00000")


class Away:
    """Applies nothing until it is there."""

    def __init__(self) -> None:
        self.there = False
        self.asked = asyncio.Event()
        self.applied: list[Step] = []

    async def apply(self, move: SourceMove, steps: Sequence[Step], letter_of: object) -> list[Outcome]:
        self.asked.set()
        if not self.there:
            raise CatalogUnavailable
        self.applied += steps
        return list(cast("Sequence[Outcome]", steps))


class Sources:
    """Lets everybody claim."""

    async def claim(self, source: SourceName) -> SourceClaim:
        return SourceClaim(source=source, epoch=1, next=None, clean=True)

    async def release(self, claim: SourceClaim) -> None:
        pass


class Stale:
    """Finds every event stale."""

    async def __call__(self, record: Record, places: asyncio.Semaphore, waiting: Callable[[str], None]) -> Step:
        return STALE

    def letter(self, record: Record, reason: str, message: str) -> NewDeadLetter:
        return SAMPLE


async def _found(offset: int | None) -> str:
    return ""


async def test_p1_an_event_that_waits_for_the_catalog_is_not_blamed_when_its_partition_is_revoked() -> None:
    away = Away()
    partition = Partition(
        SOURCE,
        cast(WorkOut, Stale()),
        cast(ApplyEvents, away),
        cast(SourceStore, Sources()),
        Flow(100, 1 << 20, 4),
        _found,
        commit_documents=10,
        poison_tries=3,
    )
    record = Record(offset=0, key=None, value=b"", headers=(), timestamp_ms=0)
    async with asyncio.timeout(30):
        for _ in range(5):
            partition.assign()
            while not partition.ready:
                await asyncio.sleep(0.01)
            partition.feed([record])
            away.asked.clear()
            await away.asked.wait()
            await partition.revoke()
        away.there = True
        partition.assign()
        while partition.next is None:
            await asyncio.sleep(0.01)
    await partition.close()
    assert away.applied == [STALE]
    assert partition.counts.dead == 0
