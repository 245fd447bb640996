"""From a record to what is to be done about it, outside of any transaction."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator

from ragstone_server.catalog.applying import Step
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.pipelines.document_events import DocumentChange
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import Reason, RequestError
from ragstone_server.spi.sources import NewDeadLetter, SourceName
from ragstone_server.transport.kafka.record import Record

logger = logging.getLogger(__name__)

Decode = Callable[[Record], DocumentChange]
Waiting = Callable[[str], None]
"""Told why an event has to wait, and with the empty text that it no longer has to."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 20.0
UNKNOWN_TRIES = 3
"""How often an event is tried that fails in a way nobody knows, or kills a worker."""

POISON = "POISON"
"""Reason of an event that ended the process time and again."""

_TRANSIENT = frozenset(
    {
        Reason.CATALOG_UNAVAILABLE,
        Reason.STORAGE_FULL,
        Reason.OVERLOADED,
        Reason.STAGE_FAILED,
        Reason.DEADLINE_EXCEEDED,
        Reason.SHUTTING_DOWN,
        # The configuration is wrong, not the event: all of them would end as dead letters.
        Reason.GENERATION_MISMATCH,
    }
)
_MAYBE_TRANSIENT = frozenset({Reason.DOCUMENT_PARSE_CRASH, Reason.DOCUMENT_PARSE_TIMEOUT, Reason.INTERNAL})
_NO_FAULT = frozenset({Reason.VERSION_STALE, Reason.DOCUMENT_NOT_FOUND})
"""Ends of an event that came late, twice, or for what is gone: there is nothing to do, and nothing is lost."""


def pauses() -> Iterator[float]:
    """Seconds before each further try: longer and longer, with jitter, so that many who wait do not come at once."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        pause = min(LONGEST_PAUSE_S, pause * 2)


def is_transient(error: Exception) -> bool:
    """Whether waiting may help, as long as it takes."""
    return isinstance(error, RequestError) and error.reason in _TRANSIENT


class WorkOut:
    """Decodes the records of one source and prepares their writes."""

    def __init__(
        self,
        source: SourceName,
        decode: Decode,
        events: ApplyEvents,
        clock: Clock,
        bound: str,
    ) -> None:
        self._source = source
        self._decode = decode
        self._events = events
        self._clock = clock
        self._bound = bound

    async def __call__(self, record: Record, places: asyncio.Semaphore, waiting: Waiting) -> Step:
        """A write, or a dead letter. What is transient is waited for, and that takes no place from others."""
        failures = 0
        for pause in pauses():
            try:
                async with places:
                    step = await self._events.prepare(self._decode(record))
            except RequestError as error:
                if error.reason in _MAYBE_TRANSIENT:
                    failures += 1
                    if failures >= UNKNOWN_TRIES:
                        return self.letter(record, error.reason, error.message)
                elif not is_transient(error):
                    return self._refused(record, error)
                why = error.message
            except Exception as error:
                failures += 1
                logger.exception("the event at %s offset %d cannot be worked out", self._source, record.offset)
                if failures >= UNKNOWN_TRIES:
                    return self.letter(record, Reason.INTERNAL, f"{type(error).__name__}: {error}")
                why = f"{type(error).__name__}: {error}"
            else:
                waiting("")
                return step
            waiting(why)
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    def letter_of(self, record: Record, error: RequestError) -> NewDeadLetter | None:
        """What to keep of an event that was refused inside its transaction."""
        return None if error.reason in _NO_FAULT else self.letter(record, error.reason, error.message)

    def letter(self, record: Record, reason: str, message: str) -> NewDeadLetter:
        """The event as a dead letter."""
        return NewDeadLetter(
            source=self._source,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=record.headers,
            bound=self._bound,
            event_time=record.time,
            reason=str(reason),
            message=message,
            failed=self._clock.now(),
        )

    def _refused(self, record: Record, error: RequestError) -> Step:
        return self.letter_of(record, error) or error
