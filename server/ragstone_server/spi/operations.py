"""Long-running operations as the catalog keeps them: what was asked, how far it is, who runs it, and how it ended.

Who runs an operation claims it first. A claim has an epoch, which fences the former runner, and counts beats while it lives:
another runner that sees no beat for long enough takes the operation over, and goes on from its progress.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from ragstone_server.spi.errors import RagstoneError

OperationId = NewType("OperationId", int)
"""Of the catalog, ascending in the order in which operations were put; never used again."""


class OperationState(StrEnum):
    """Where an operation is in its life."""

    WAITING = "waiting"
    """Nobody runs it yet, or nobody any more; someone will."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def done(self) -> bool:
        """Whether it has ended, whichever way."""
        return self not in (OperationState.WAITING, OperationState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOperation:
    """What is to be done."""

    kind: str
    """Names what runs it, in small letters with hyphens."""
    parameters: str
    """JSON, which its kind alone reads."""
    collection: str = ""
    """Resource name of the collection that it is about; empty: of several, or of none."""
    runs_on: str = ""
    """The one instance that may run it; empty: any that knows its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFailure:
    """Why an operation failed."""

    reason: str
    """A `Reason`."""
    message: str
    """For people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation as it is now."""

    id: OperationId
    new: NewOperation
    state: OperationState
    progress: str
    """JSON of its kind: what it has done, and where it goes on; empty before its first step."""
    result: str
    """JSON of its kind; empty unless it succeeded."""
    failure: OperationFailure | None
    """Set where it failed."""
    cancel_requested: bool
    created: datetime
    updated: datetime
    """When its state, its progress or the wish to cancel it changed last."""
    runner: str
    """The instance that has claimed it; empty: nobody."""
    epoch: int
    """Of the last claim; 0 before the first."""
    beats: int
    """Grows while its runner lives."""

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.state.done


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationClaim:
    """The right to run an operation, until someone else claims it."""

    id: OperationId
    epoch: int


class OperationLost(RagstoneError):
    """Another has claimed the operation meanwhile, or it has ended; whoever gets this writes nothing more."""
