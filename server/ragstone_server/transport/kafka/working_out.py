"""From a record to what is to be done about it, outside of any transaction."""

import logging
from collections.abc import Callable

from ragstone_server.catalog.applying import Step
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.pipelines.document_events import DocumentChange
from ragstone_server.pipelines.ingest import LARGE
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import RagstoneError, RequestError
from ragstone_server.spi.host import Lane
from ragstone_server.spi.reasons import Reason
from ragstone_server.spi.sources import NewDeadLetter, SourceName
from ragstone_server.transport.kafka.record import Record
from ragstone_server.transport.kafka.waiting import is_transient, told

logger = logging.getLogger(__name__)

Decode = Callable[[Record], DocumentChange]

UNKNOWN_TRIES = 3
"""How often an event is tried that fails in a way nobody knows, or kills a worker."""
POISON = "POISON"
"""Reason of an event that ended the process time and again."""
MOST_CHARACTERS = 2000
"""Of a reason for people."""

_MAYBE_TRANSIENT = frozenset({Reason.DOCUMENT_PARSE_CRASH, Reason.DOCUMENT_PARSE_TIMEOUT, Reason.INTERNAL})
_NO_FAULT = frozenset({Reason.VERSION_STALE, Reason.DOCUMENT_NOT_FOUND})
"""Ends of an event that came late, twice, or for what is gone: there is nothing to do, and nothing is lost."""


class Later(RagstoneError):
    """It cannot be worked out now; trying again may help."""

    def __init__(self, why: str, *, suspect: bool = False) -> None:
        """`suspect`: the event itself may be at fault."""
        super().__init__(why)
        self.suspect = suspect


class WorkOut:
    """Decodes the records of one source and prepares their writes."""

    def __init__(
        self, source: SourceName, decode: Decode, events: ApplyEvents, clock: Clock, bulk: Lane, bound: str
    ) -> None:
        self._source = source
        self._decode = decode
        self._events = events
        self._clock = clock
        self._bulk = bulk
        self._bound = bound

    async def __call__(self, record: Record, failures: int) -> Step:
        """A write, a dead letter, or why there is nothing to do. Raises `Later`.

        `failures`: how often it was `Later` because of the event itself.
        """
        try:
            # A large one does not keep the heartbeats waiting.
            change = await self._bulk.run(self._decode, record) if record.size > LARGE else self._decode(record)
            return await self._events.prepare(change)
        except RequestError as error:
            if is_transient(error):
                raise Later(error.message) from error
            if error.reason not in _MAYBE_TRANSIENT:
                return self.letter_of(record, error) or error
            reason, message = str(error.reason), error.message
        except Exception as error:
            logger.exception("the event at %s offset %d cannot be worked out", self._source, record.offset)
            reason, message = str(Reason.INTERNAL), told(error)
        if failures + 1 >= UNKNOWN_TRIES:
            return self.letter(record, reason, message)
        raise Later(message, suspect=True)

    def letter_of(self, record: Record, error: RequestError) -> NewDeadLetter | None:
        """What to keep of an event that was refused; None: being refused is its proper end."""
        return None if error.reason in _NO_FAULT else self.letter(record, str(error.reason), error.message)

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
            reason=reason,
            message=_storable(message),
            failed=self._clock.now(),
        )


def _storable(message: str) -> str:
    """Errors quote what they choke on; stores and headers take neither half characters nor a whole document."""
    return message[:MOST_CHARACTERS].encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
