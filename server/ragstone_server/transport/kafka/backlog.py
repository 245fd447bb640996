"""The records that a partition holds: worked out side by side, kept in their order."""

import asyncio
import logging
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ragstone_server.catalog.applying import Step
from ragstone_server.catalog.writes import Write
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.record import Record
from ragstone_server.transport.kafka.waiting import pauses, told
from ragstone_server.transport.kafka.working_out import Later, WorkOut

logger = logging.getLogger(__name__)

MOST_BYTES = 32 * 1024 * 1024
"""Of texts and vectors in one transaction: who is to hand over waits for its end."""


@dataclass(slots=True, eq=False)
class Held:
    """A record, and how far it has come."""

    record: Record
    weight: int = 0
    """Bytes of what was worked out of it."""
    step: Step | None = None
    """What to do about it; None: not known yet."""
    due: bool = True
    """Whether it may be worked out now; not while it is, nor while it waits to be tried again."""
    why: str = ""
    """Why it has to be tried again; empty: it has not."""
    suspected: int = 0
    """How often it could not be worked out, and may itself be at fault."""
    refused: int = 0
    """How often its transaction failed in a way that nobody knows."""
    pauses: Iterator[float] = field(default_factory=pauses)
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a try has ended, one way or the other."""
    gone: bool = False
    """Whether it is no longer held."""

    @property
    def offset(self) -> int:
        """Of the record."""
        return self.record.offset


class Backlog:
    """Records between fetching and the catalog. Each is counted once, and given back once."""

    def __init__(
        self, name: str, work_out: WorkOut, flow: Flow, changed: Callable[[], None], log: Callable[[str], None]
    ) -> None:
        """`changed` is called when there may be something to apply; `log` is told why something waits."""
        self.one_by_one = False
        """Whether a record is worked out only when `allow` says so."""
        self.size = 0
        """Bytes of the records that are held."""
        self.running = 0
        self._name = name
        self._work_out = work_out
        self._flow = flow
        self._changed = changed
        self._log = log
        self._held: deque[Held] = deque()
        self._fresh: deque[Held] = deque()
        """Those that were never tried."""
        self._again: list[Held] = []
        """Those that were not worked out at the first try, in their order, until they are."""
        self._allowed: Held | None = None
        flow.join(self)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def first(self) -> Held | None:
        """The one to be applied next."""
        return self._held[0] if self._held else None

    @property
    def waiting(self) -> str:
        """Why the first one waits; empty: it does not."""
        return self._held[0].why if self._held else ""

    def put(self, record: Record) -> None:
        """Hold one more; `begin` is to follow."""
        held = Held(record)
        self._held.append(held)
        self._fresh.append(held)
        self._flow.documents.used += 1
        self._flow.bytes.used += record.size
        self.size += record.size

    def worked_out(self, most: int) -> list[Held]:
        """The first ones, of which it is known what to do: so many, and not too much for one transaction."""
        found: list[Held] = []
        weight = 0
        for held in self._held:
            weight += held.weight
            # What failed in a transaction is applied by itself, until it is clear which one was at fault.
            alone = found and (held.refused or found[0].refused or weight > MOST_BYTES)
            if len(found) == most or held.step is None or alone:
                break
            found.append(held)
        return found

    def settle(self, held: Held, step: Step) -> None:
        """It is known what to do about a record, without working it out."""
        held.step, held.why, held.due = step, "", False
        self._unqueue(held)
        self._changed()

    def again(self, held: Held) -> None:
        """What was worked out no longer fits."""
        if held.gone:
            return
        self._weigh(held, 0)
        held.step, held.due = None, True
        self._queue(held)
        self._flow.fill()

    def allow(self, held: Held) -> None:
        """Work out this one, though they go one by one."""
        held.tried.clear()
        self._allowed = held
        self._flow.fill()

    def drop(self, applied: list[Held]) -> None:
        """They are applied."""
        for held in applied:
            if self._held and self._held[0] is held:  # otherwise all were cleared meanwhile
                self._forget(self._held.popleft())
        self._flow.fill()

    def clear(self) -> None:
        """Forget all."""
        while self._held:
            self._forget(self._held.popleft())
        self._flow.fill()

    def close(self) -> None:
        """Forget all, and leave room to the others."""
        self.clear()
        self._flow.leave(self)
        self._flow.fill()

    def begin_one(self) -> bool:
        """Fits `Worker`."""
        held = self._next()
        if held is None:
            return False
        if self._fresh and self._fresh[0] is held:
            self._fresh.popleft()
        self._allowed = None
        held.due = False
        self.running += 1
        self._flow.take_place()
        held.task = asyncio.create_task(self._try(held), name=f"{self._name}-{held.offset}")
        # A task that is cancelled before its first step runs none of its lines.
        held.task.add_done_callback(self._ended)
        return True

    def _next(self) -> Held | None:
        if self.one_by_one:
            return self._allowed if self._allowed is not None and self._allowed.due else None
        held = self._next_in_line()
        return None if held is None or (self._flow.heavy and held is not self._held[0]) else held

    def _next_in_line(self) -> Held | None:
        for held in self._again:
            if held.due:
                return held
            if held.why:
                return None  # What stands behind would fail too, or have to wait for it.
        return self._fresh[0] if self._fresh else None

    async def _try(self, held: Held) -> None:
        try:
            step = await self._work_out(held.record, held.suspected)
        except Later as later:
            self._wait(held, later.message, suspect=later.suspect)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._wait(held, told(error), suspect=True)  # something in it was cancelled, and not it
        except Exception as error:
            logger.exception("%s offset %d cannot even be set aside", self._name, held.offset)
            self._wait(held, told(error), suspect=False)
        else:
            self._found(held, step)
        held.tried.set()
        self._changed()

    def _found(self, held: Held, step: Step) -> None:
        if held.gone:
            return
        held.step = step
        self._unqueue(held)
        if isinstance(step, Write):
            self._weigh(held, step.weight)
        if held.why:
            held.why, held.pauses = "", pauses()
            for other in self._again:  # What it waited for is back, perhaps for them too.
                if other.timer is not None:
                    other.why = ""
                    self._due(other)

    def _wait(self, held: Held, why: str, *, suspect: bool) -> None:
        if held.gone:
            return
        held.suspected += suspect
        held.why = why
        self._log(why)
        held.timer = asyncio.get_running_loop().call_later(next(held.pauses), self._again_now, held)
        self._queue(held)

    def _again_now(self, held: Held) -> None:
        self._due(held)
        self._flow.fill()
        self._changed()

    def _due(self, held: Held) -> None:
        if held.timer is not None:
            held.timer.cancel()
            held.timer = None
        held.due = True

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running -= 1
        self._flow.leave_place()

    def _queue(self, held: Held) -> None:
        if held not in self._again:
            insort(self._again, held, key=lambda each: each.offset)

    def _unqueue(self, held: Held) -> None:
        if self._fresh and self._fresh[0] is held:
            self._fresh.popleft()
        elif held in self._again:
            self._again.remove(held)

    def _weigh(self, held: Held, weight: int) -> None:
        self._flow.worked_out += weight - held.weight
        held.weight = weight

    def _forget(self, held: Held) -> None:
        held.gone = True
        self._flow.documents.used -= 1
        self._flow.bytes.used -= held.record.size
        self.size -= held.record.size
        self._weigh(held, 0)
        self._unqueue(held)
        if held is self._allowed:
            self._allowed = None
        if held.timer is not None:
            held.timer.cancel()
        if held.task is not None:
            held.task.cancel()
        held.tried.set()
