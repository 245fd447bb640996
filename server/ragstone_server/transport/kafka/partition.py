"""One partition: its records are worked out side by side and applied in their order, each once (promise P2)."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from ragstone_server.catalog.applying import Outcome, OutOfDate, Step
from ragstone_server.catalog.writes import WriteReceipt
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.spi.errors import RagstoneError, Reason, RequestError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.sources import NewDeadLetter, SourceClaim, SourceLost, SourceMove, SourceName
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.record import Held, Record
from ragstone_server.transport.kafka.working_out import POISON, UNKNOWN_TRIES, WorkOut, is_transient, pauses

logger = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")
Seek = Callable[[int | None], Awaitable[str]]
"""Told the offset to fetch from; None: where the group or the settings say. Tells why that cannot be; empty: it can."""

LOST_S = 3.0
"""Pause after another process claimed what we hold to be ours; one of us is told so by the group soon."""


class _Revoked(Exception):
    """The partition may be another's meanwhile."""


@dataclass(slots=True)
class Counts:
    """What became of the records, since the process began."""

    written: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Late, twice, or for what is gone."""
    dead: int = 0


class Partition:
    """Holds the records of a partition between fetching and the catalog."""

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
    ) -> None:
        self.source = source
        self.next: int | None = None
        """Offset of the first record that is not applied; None: nothing is known yet."""
        self.applied_until: datetime | None = None
        self.waiting = ""
        """Why it does not go on; empty: it does."""
        self.counts = Counts()
        self._work_out = work_out
        self._events = events
        self._sources = sources
        self._flow = flow
        self._seek = seek
        self._most = commit_documents
        self._poison_tries = poison_tries
        self._held: deque[Held] = deque()
        self._fetched: int | None = None
        """Offset of the next record to fetch."""
        self._claim: SourceClaim | None = None
        self._careful = 0
        """So many records more are tried one by one, since a former process died over one of those that were in flight."""
        self._trying = False
        """Whether the catalog has it that an event is tried."""
        self._assigned = asyncio.Event()
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether records may be fetched."""
        return self._claim is not None and self._assigned.is_set()

    @property
    def pending(self) -> int:
        """Records that are held."""
        return len(self._held)

    def assign(self) -> None:
        """The partition is ours, or ours again; what is held of it stays."""
        self._settled.clear()
        self._assigned.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"{self.source}")

    async def revoke(self) -> None:
        """It may be another's from now on: nothing more is written. Returns when that is sure."""
        self._assigned.clear()
        self._changed.set()
        if self._claim is not None:
            await self._settled.wait()

    async def close(self) -> None:
        """It is another's, or we end: forget what is held."""
        self._assigned.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._clear()

    def feed(self, records: Sequence[Record]) -> None:
        """Take what was fetched, in its order."""
        for record in records:
            if not self.ready or (self._fetched is not None and record.offset < self._fetched):
                continue  # Fetched before it was sought anew.
            self._fetched = record.offset + 1
            self._flow.take(record.size)
            held = Held(record)
            self._held.append(held)
            if not self._careful:
                self._begin(held)
        self._changed.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._assigned.wait()
                try:
                    await self._reconcile(await self._persistently(self._take_over))
                    while self._assigned.is_set():
                        await self._apply(await self._next_batch())
                except SourceLost:
                    self._wait_for("another process claimed it")
                    self._claim = None
                    await asyncio.sleep(LOST_S)
                except _Revoked:
                    pass
                except Exception as error:
                    logger.exception("%s begins anew", self.source)
                    self._wait_for(f"{type(error).__name__}: {error}")
                    await asyncio.sleep(LOST_S)
                await self._let_go()
        finally:
            self._settled.set()
            await asyncio.shield(self._let_go())

    async def _take_over(self) -> SourceClaim:
        return await self._sources.claim(self.source)

    async def _reconcile(self, claim: SourceClaim) -> None:
        """What is held goes on, where it begins at what the catalog wants next; otherwise it is fetched anew."""
        if not claim.clean:
            # Of those that it worked on. Where the one that killed it comes later, the next death is so much further on.
            self._careful = self._flow.parallel
        if not self._held or claim.next != self.next:
            self._clear()
            self.next = self._fetched = claim.next
        reach(FailPoint.KAFKA_AFTER_CLAIM)
        while problem := await self._seek(self._fetched):
            self._wait_for(problem)
            await asyncio.sleep(LOST_S)
            if not self._assigned.is_set():
                raise _Revoked
        self._wait_for("")
        self._claim = claim

    async def _let_go(self) -> None:
        """So that the next holder knows that we did not die over it. It learns it later where the catalog is away."""
        claim, self._claim = self._claim, None
        if claim is not None:
            try:
                async with asyncio.timeout(2):
                    await self._sources.release(claim)
            except (RagstoneError, TimeoutError) as error:
                logger.warning("%s could not be released: %s", self.source, error)
        if not self._assigned.is_set():
            self._settled.set()

    async def _next_batch(self) -> list[Held]:
        """Those from the first on that are worked out; empty where the partition is revoked."""
        while self._assigned.is_set():
            self._changed.clear()
            if self._held:
                first = self._held[0]
                if self._careful:
                    await self._try(first)
                assert first.step is not None
                if self._trying and (first.step.done() or self.waiting):
                    await self._survived()
                waiter = asyncio.ensure_future(self._changed.wait())
                try:
                    await asyncio.wait({first.step, waiter}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiter.cancel()
                if first.step.done():
                    return self._ready_ones()
            else:
                await self._changed.wait()
        return []

    def _ready_ones(self) -> list[Held]:
        most = 1 if self._careful or self._held[0].failures else self._most
        batch: list[Held] = []
        for held in self._held:
            if len(batch) == most or held.step is None or not held.step.done() or (batch and held.failures):
                break
            batch.append(held)
        return batch

    async def _try(self, held: Held) -> None:
        """Note that the record is worked on, so that its process's death tells of it; set it aside where it did too often."""
        if held.step is not None:
            return
        assert self._claim is not None
        claim, offset = self._claim, held.record.offset
        tries = await self._persistently(lambda: self._sources.begin_try(claim, offset))
        if tries > self._poison_tries:
            message = f"the process ended {tries - 1} times while it worked on this event"
            letter = self._work_out.letter(held.record, POISON, message)
            held.step = asyncio.ensure_future(_value(letter))
        else:
            self._trying = True
            self._begin(held)

    async def _survived(self) -> None:
        """The event that is tried has not ended us: whoever dies from now on does not die over it."""
        assert self._claim is not None
        claim, self._trying = self._claim, False
        await self._persistently(lambda: self._sources.end_try(claim))

    def _begin(self, held: Held) -> None:
        working = self._work_out(held.record, self._flow.places, self._wait_for)
        held.step = asyncio.ensure_future(working)

    async def _apply(self, batch: list[Held]) -> None:
        """One transaction over the batch, or what is left of it after a step that no longer fits."""
        if not batch:
            return
        assert self._claim is not None
        steps = [held.step.result() for held in batch if held.step is not None]
        move = SourceMove(claim=self._claim, expected=self.next, next=batch[-1].record.offset + 1)

        def letter_of(number: int, error: RequestError) -> NewDeadLetter | None:
            return self._work_out.letter_of(batch[number].record, error)

        try:
            outcomes = await self._persistently(lambda: self._events.apply(move, steps, letter_of))
        except OutOfDate as error:
            await self._apply(batch[: error.step])
            if self._assigned.is_set():
                self._begin(batch[error.step])
            return
        except (SourceLost, _Revoked):
            raise
        except Exception as error:
            logger.exception("%d events of %s cannot be applied", len(batch), self.source)
            await self._blame(batch, error)
            return
        self._done(batch, move.next, outcomes)

    async def _blame(self, batch: list[Held], error: Exception) -> None:
        """Find the event at fault by applying each alone; set it aside where nothing helps."""
        self._wait_for(f"{type(error).__name__}: {error}")
        for held in batch:
            held.failures += 1
        if len(batch) == 1 and batch[0].failures > UNKNOWN_TRIES:
            letter = self._work_out.letter(batch[0].record, Reason.INTERNAL, f"{type(error).__name__}: {error}")
            batch[0].step = asyncio.ensure_future(_value(letter))
            await asyncio.sleep(0)
        await asyncio.sleep(next(pauses()))

    def _done(self, batch: list[Held], moved_to: int, outcomes: Sequence[Outcome]) -> None:
        self.next = moved_to
        self.applied_until = batch[-1].record.time
        for held in batch:
            self._flow.give_back(held.record.size)
            self._held.popleft()
        self._careful = max(0, self._careful - len(batch))
        if not self._careful:
            for held in self._held:
                if held.step is None:
                    self._begin(held)
        for outcome in outcomes:
            match outcome:
                case WriteReceipt(outcome="unchanged"):
                    self.counts.unchanged += 1
                case WriteReceipt():
                    self.counts.written += 1
                case NewDeadLetter():
                    self.counts.dead += 1
                    logger.warning("%s offset %d: %s %s", self.source, outcome.offset, outcome.reason, outcome.message)
                case _:
                    self.counts.skipped += 1
        self._wait_for("")
        reach(FailPoint.KAFKA_AFTER_COMMIT)

    async def _persistently(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Call until it succeeds or fails for good; while a store is away the partition waits, and says so."""
        for pause in pauses():
            try:
                return await call()
            except Exception as error:
                if not is_transient(error):
                    raise
                self._wait_for(error.message if isinstance(error, RagstoneError) else str(error))
            await asyncio.sleep(pause)
            if not self._assigned.is_set():
                raise _Revoked
        raise AssertionError("pauses never end")

    def _wait_for(self, why: str) -> None:
        if why and why != self.waiting:
            logger.warning("%s waits: %s", self.source, why)
            self._changed.set()
        self.waiting = why

    def _clear(self) -> None:
        while self._held:
            held = self._held.popleft()
            self._flow.give_back(held.record.size)
            if held.step is not None:
                held.step.cancel()


async def _value(step: Step) -> Step:
    return step
