"""Sources of documents that are read by offsets: how far each was applied, and what could not be applied.

A source is an ordered log, such as a partition of a topic. How far it was applied moves in the transaction that writes its
documents, so each event has its effect once. Who reads a source claims it first; a claim ends all earlier ones.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from ragstone_server.spi.errors import RagstoneError

SourceName = NewType("SourceName", str)
"""Opaque; those of one reader begin alike."""

DeadLetterId = NewType("DeadLetterId", int)
"""Of the catalog, ascending in the order in which letters were put; never used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceClaim:
    """The right to apply a source, until someone else claims it."""

    source: SourceName
    epoch: int
    """Greater than that of every earlier claim."""
    next: int | None
    """Offset of the first event that was not applied. None: none was ever applied."""
    clean: bool
    """Whether the former holder let go of it, and did not die or freeze."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMove:
    """From one offset to a later one."""

    claim: SourceClaim
    expected: int | None
    """What the catalog holds before; None: nothing."""
    next: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeadLetter:
    """An event that can never be applied as it is."""

    source: SourceName
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    bound: str
    """Resource name of the collection that the source is bound to; empty: the event names its own."""
    event_time: datetime
    """Of the event, as its log has it."""
    reason: str
    """A `Reason`, or another word in capitals."""
    message: str
    """What is wrong, for people."""
    failed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSummary:
    """What is known of a stored one without reading its event, which may be large."""

    id: DeadLetterId
    source: SourceName
    offset: int
    bound: str
    """As of `NewDeadLetter`."""
    event_time: datetime
    reason: str
    message: str
    failed: datetime
    published: bool
    """Whether the dead-letter topic has it too."""
    size: int | None
    """Bytes of the value; None: the event has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One that is stored."""

    id: DeadLetterId
    letter: NewDeadLetter
    published: bool
    """Whether the dead-letter topic has it too."""

    @property
    def summary(self) -> DeadLetterSummary:
        """As `SourceStore.dead_letter_summaries` has it."""
        return DeadLetterSummary(
            id=self.id,
            source=self.letter.source,
            offset=self.letter.offset,
            bound=self.letter.bound,
            event_time=self.letter.event_time,
            reason=self.letter.reason,
            message=self.letter.message,
            failed=self.letter.failed,
            published=self.published,
            size=None if self.letter.value is None else len(self.letter.value),
        )


class SourceState(StrEnum):
    """What the reader of a source does."""

    STARTING = "starting"
    """It was handed the source, and has read nothing of it yet."""
    RUNNING = "running"
    """It applies events as they come."""
    WAITING = "waiting"
    """A store or a provider is away; it goes on by itself when that is back."""
    PAUSED = "paused"
    """It reads nothing further for a while: views lag behind, or a limit is reached."""
    STOPPED = "stopped"
    """It has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How far a source is applied, and what its reader does."""

    name: SourceName
    state: SourceState
    detail: str = ""
    """Why it is in this state, for people; nothing of an event's content."""
    position: int | None = None
    """Offset of the next event to apply; None: none was applied yet."""
    end: int | None = None
    """Offset behind the last event of the log; None: not known yet."""
    lag: int | None = None
    """Events of the log that are not applied yet; None: not known yet."""
    applied_until: datetime | None = None
    """Time of the last event that was applied, as the log has it; None: none was since the start."""
    pending: int = 0
    """Events that are being worked on."""


class SourceLost(RagstoneError):
    """The source was claimed by another process, or stands elsewhere; nothing was written."""
