"""One partition: ours from its assignment to its revocation, claimed in the catalog, its records fetched and applied."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.sources import SourceClaim, SourceLost, SourceName
from ragstone_server.transport.kafka.applier import Applier, Counts
from ragstone_server.transport.kafka.backlog import Backlog
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.record import Record
from ragstone_server.transport.kafka.waiting import Patience, told
from ragstone_server.transport.kafka.working_out import WorkOut

logger = logging.getLogger(__name__)

Seek = Callable[[int | None], Awaitable[int]]
"""Told the offset to fetch from; None: where the group or the settings say. Tells where it is. Raises `CannotSeek`."""

SEEK_S = 3.0
RELEASE_S = 2.0
MOST_PAUSES = 10
LONG_S = 60.0
"""After so long what failed before is past."""


class CannotSeek(RagstoneError):
    """The records cannot be fetched from there; it may become possible."""


class Partition:
    """Holds the records of a partition between fetching and the catalog.

    While it is assigned a task claims the source, applies what is worked out, and lets go at the end. That task is
    cancelled when the partition is revoked.
    """

    def __init__(
        self,
        source: SourceName,
        work_out: WorkOut,
        events: ApplyEvents,
        sources: SourceStore,
        flow: Flow,
        seek: Seek,
        *,
        commit_documents: int,
        poison_tries: int,
        lost_s: float,
    ) -> None:
        """`lost_s`: how long after another process has claimed the source it may take until the group tells us."""
        self.source = source
        self.ready = False
        """Whether records may be fetched."""
        self._sources = sources
        self._flow = flow
        self._seek = seek
        self._lost_s = lost_s
        self._changed = asyncio.Event()
        self._patience = Patience(source)
        self._backlog = Backlog(source, work_out, flow, self._changed.set, self._patience.log)
        self._applier = Applier(
            self._backlog,
            work_out,
            events,
            sources,
            flow,
            self._patience,
            commit_documents=commit_documents,
            poison_tries=poison_tries,
        )
        self._fetched = 0
        """Offset of the next record to fetch."""
        self._claim: SourceClaim | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        """The one that holds it; before it perhaps a cancelled one, whose transaction has not ended."""

    @property
    def next(self) -> int | None:
        """Offset of the first record that is not applied; None: nothing is known yet."""
        return self._applier.next

    @property
    def applied_until(self) -> datetime | None:
        """Time of the last record that was applied."""
        return self._applier.until

    @property
    def counts(self) -> Counts:
        """What became of the records."""
        return self._applier.counts

    @property
    def pending(self) -> int:
        """Records that are held."""
        return len(self._backlog)

    @property
    def waiting(self) -> str:
        """Why it does not go on; empty: it does."""
        return self._patience.why or self._backlog.waiting

    @property
    def full(self) -> bool:
        """Whether no more is to be fetched."""
        return self._flow.full(self.pending, self._backlog.size)

    @property
    def roomy(self) -> bool:
        """Whether fetching is worth while again."""
        return self._flow.roomy(self.pending, self._backlog.size)

    def assign(self) -> None:
        """The partition is ours, or ours again; what is held of it stays."""
        former = self._end()
        task = asyncio.create_task(self._hold(former), name=self.source)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def revoke(self) -> None:
        """It may be another's from now on: nothing more is written. Returns when that is sure."""
        if ending := self._end():
            await asyncio.wait(ending)

    async def close(self) -> None:
        """It is another's, or we end: forget what is held."""
        try:
            await self.revoke()
        finally:
            self._backlog.close()

    def feed(self, records: Sequence[Record]) -> None:
        """Take what was fetched, in its order."""
        for record in records:
            if self.ready and record.offset >= self._fetched:
                self._fetched = record.offset + 1
                self._backlog.put(record)
        self._flow.fill()
        self._changed.set()

    def _end(self) -> set[asyncio.Task[None]]:
        self.ready = False
        for task in self._tasks:
            task.cancel()
        return set(self._tasks)

    async def _hold(self, former: set[asyncio.Task[None]]) -> None:
        if former:
            await asyncio.wait(former)
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            try:
                claim = await self._take_over()
                await self._applier.run(claim, self._changed)
            except SourceLost:
                self._patience.wait_for("another process claimed it")
                pause = self._lost_s
            except Exception as error:
                logger.exception("%s begins anew", self.source)
                self._patience.wait_for(told(error))
                pause = SEEK_S
            finally:
                self.ready = False
                await to_the_end(self._let_go())
            # The longer two of us believe to have it, the rarer they take it from each other.
            failures = min(MOST_PAUSES, failures + 1) if loop.time() - began < LONG_S else 1
            await asyncio.sleep(pause * failures)

    async def _take_over(self) -> SourceClaim:
        """What is held goes on, where it begins at what the catalog wants next; otherwise it is fetched anew."""
        claim = await self._patience.persistently(lambda: to_the_end(self._claim_source()))
        reach(FailPoint.KAFKA_AFTER_CLAIM)
        # Another may have counted a try of ours, who are alive.
        await self._patience.persistently(lambda: self._applier.survive(claim))
        if not claim.clean:
            self._applier.be_careful()
        if not self.pending or claim.next != self.next:
            self._backlog.clear()
            self._applier.next = claim.next
        begin = await self._sought(self._fetched if self.pending else self.next)
        if not self.pending and begin != self.next:
            # Noted at once: nobody finds another beginning, though nothing may be applied for long.
            await self._applier.move(claim, begin)
        self._fetched = begin
        self.ready = True
        return claim

    async def _claim_source(self) -> SourceClaim:
        self._claim = await self._sources.claim(self.source)
        return self._claim

    async def _sought(self, offset: int | None) -> int:
        while True:
            try:
                begin = await self._seek(offset)
            except CannotSeek as error:
                self._patience.wait_for(error.message)
            else:
                self._patience.over()
                return begin
            await asyncio.sleep(SEEK_S)

    async def _let_go(self) -> None:
        """So that the next holder knows that we did not die over it. It learns it later where the catalog is away."""
        claim, self._claim = self._claim, None
        if claim is None:
            return
        try:
            async with asyncio.timeout(RELEASE_S):
                await self._applier.survive(claim)
                await self._sources.release(claim)
        except (RagstoneError, TimeoutError) as error:
            logger.warning("%s could not be released: %s", self.source, told(error))
        except Exception:
            logger.exception("%s could not be released", self.source)
