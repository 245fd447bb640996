"""What is worked out is applied in the order of the partition, with its offset, in one transaction (promise P2)."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ragstone_server.catalog.applying import Outcome, OutOfDate
from ragstone_server.catalog.writes import WriteReceipt
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.reasons import Reason
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.sources import NewDeadLetter, SourceClaim, SourceLost, SourceMove
from ragstone_server.transport.kafka.backlog import Backlog, Held
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.waiting import Patience, told
from ragstone_server.transport.kafka.working_out import POISON, UNKNOWN_TRIES, WorkOut

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What became of the records, since the process began."""

    written: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Late, twice, or for what is gone."""
    dead: int = 0

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Those of a transaction."""
        for outcome in outcomes:
            match outcome:
                case WriteReceipt(outcome="unchanged"):
                    self.unchanged += 1
                case WriteReceipt():
                    self.written += 1
                case NewDeadLetter():
                    self.dead += 1
                case _:
                    self.skipped += 1


class Applier:
    """Applies the backlog of a partition under a claim. What it has begun to write it writes to the end."""

    def __init__(
        self,
        backlog: Backlog,
        work_out: WorkOut,
        events: ApplyEvents,
        sources: SourceStore,
        flow: Flow,
        patience: Patience,
        *,
        commit_documents: int,
        poison_tries: int,
    ) -> None:
        self.next: int | None = None
        """Offset of the first record that is not applied; None: nothing is known yet."""
        self.until: datetime | None = None
        """Time of the last record that was applied."""
        self.counts = Counts()
        self._backlog = backlog
        self._work_out = work_out
        self._events = events
        self._sources = sources
        self._flow = flow
        self._patience = patience
        self._most = commit_documents
        self._poison_tries = poison_tries
        self._careful = 0
        """So many records more are tried one by one, since a former process died over one of those that were in flight."""
        self._suspect = False
        """Whether the first of them may be the one."""
        self._trying = False
        """Whether the catalog may have it that an event is tried by us."""

    def be_careful(self) -> None:
        """The former holder died; perhaps over one of those that it held."""
        # Of those that it worked on. Where the one that killed it comes later, the next death is so much further on.
        self._careful, self._suspect = self._flow.parallel, True
        self._go_by()

    async def run(self, claim: SourceClaim, changed: asyncio.Event) -> None:
        """Until cancelled. `changed`: something may be there to apply. Raises `SourceLost`."""
        while True:
            changed.clear()
            first = self._backlog.first
            if self._careful and first is not None and first.due:
                await self._try(claim, first)
            elif batch := self._backlog.worked_out(1 if self._careful else self._most):
                await self._apply(claim, batch)
            else:
                await changed.wait()

    async def move(self, claim: SourceClaim, offset: int) -> None:
        """Go on from there, with nothing to apply before. Raises `SourceLost`."""
        await self._patience.persistently(lambda: to_the_end(self._commit(claim, [], offset)))

    async def _try(self, claim: SourceClaim, first: Held) -> None:
        """Note that a record is worked on, so that its process's death tells of it; set it aside where it did too often."""
        alone: AbstractAsyncContextManager[object] = self._flow.alone if self._suspect else nullcontext()
        async with alone:
            tries = await self._begin_try(claim, first.offset)
            if tries > self._poison_tries:
                message = f"the process ended {tries - 1} times while it worked on this event"
                self._backlog.settle(first, self._work_out.letter(first.record, POISON, message))
                return
            self._backlog.allow(first)
            await first.tried.wait()
            await self._patience.persistently(lambda: self.survive(claim))

    async def _begin_try(self, claim: SourceClaim, offset: int) -> int:
        calls = 0

        async def call() -> int:
            nonlocal calls
            calls += 1
            self._trying = True
            # One that failed may have been counted all the same.
            return await self._sources.begin_try(claim, offset) - (calls - 1)

        return await self._patience.persistently(call)

    async def survive(self, claim: SourceClaim) -> None:
        """Whoever dies from now on does not die over the event that we try."""
        if self._trying:
            await self._sources.end_try(claim)
            self._trying = False

    async def _apply(self, claim: SourceClaim, batch: list[Held]) -> None:
        """One transaction over the batch, or over what is left of it before a step that no longer fits."""
        stale: list[Held] = []
        try:
            while batch:
                try:
                    await self._patience.persistently(partial(self._write, claim, batch))
                except OutOfDate as error:
                    stale.append(batch[error.step])
                    batch = batch[: error.step]
                else:
                    return
        except SourceLost:
            raise
        except Exception as error:
            logger.exception("%d events of %s cannot be applied", len(batch), claim.source)
            await self._blame(batch, error)
        finally:
            for held in stale:
                self._backlog.again(held)

    async def _write(self, claim: SourceClaim, batch: list[Held]) -> None:
        await to_the_end(self._commit(claim, batch, batch[-1].offset + 1))
        reach(FailPoint.KAFKA_AFTER_COMMIT)

    async def _commit(self, claim: SourceClaim, batch: list[Held], moved_to: int) -> None:
        def letter_of(number: int, error: RequestError) -> NewDeadLetter | None:
            return self._work_out.letter_of(batch[number].record, error)

        move = SourceMove(claim=claim, expected=self.next, next=moved_to)
        steps = [held.step for held in batch if held.step is not None]
        outcomes = await self._events.apply(move, steps, letter_of)
        self.next = moved_to
        self.counts.add(outcomes)
        for letter in outcomes:
            if isinstance(letter, NewDeadLetter):
                logger.warning("%s offset %d: %s %s", letter.source, letter.offset, letter.reason, letter.message)
        if batch:
            self.until = batch[-1].record.time
            self._suspect = False
            self._careful = max(0, self._careful - len(batch))
            self._backlog.drop(batch)
            self._go_by()
        self._patience.progressed()

    async def _blame(self, batch: list[Held], error: Exception) -> None:
        """Find the event at fault by applying each alone; set it aside where nothing helps."""
        self._patience.wait_for(told(error))
        for held in batch:
            held.refused += 1
        first = batch[0]
        if len(batch) == 1 and first.refused > UNKNOWN_TRIES:
            self._backlog.settle(first, self._work_out.letter(first.record, str(Reason.INTERNAL), told(error)))
        await asyncio.sleep(next(first.pauses))

    def _go_by(self) -> None:
        self._backlog.one_by_one = self._careful > 0
        self._flow.fill()
