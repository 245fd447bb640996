"""Client of Ragstone: questions answered from documents, streamed, with checked citations."""

from ragstone.aio import AsyncClient
from ragstone.client import Client
from ragstone.documents import Acknowledgement, Document, NewDocument, Outcome, Written
from ragstone.errors import (
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    InternalError,
    InvalidArgument,
    NotFound,
    RagstoneError,
    ResourceExhausted,
    Unavailable,
)
from ragstone.events import (
    AttemptDiscarded,
    AttemptStarted,
    Completed,
    Degraded,
    Delta,
    Event,
    Evidence,
    Heartbeat,
    Stage,
    Started,
)
from ragstone.passages import Abstention, Answer, Citation, Passage, Passages, Turn, Usage

__all__ = [
    "Abstention",
    "Acknowledgement",
    "AlreadyExists",
    "Answer",
    "AsyncClient",
    "AttemptDiscarded",
    "AttemptStarted",
    "Cancelled",
    "Citation",
    "Client",
    "Completed",
    "DeadlineExceeded",
    "Degraded",
    "Delta",
    "Document",
    "Event",
    "Evidence",
    "FailedPrecondition",
    "Heartbeat",
    "InternalError",
    "InvalidArgument",
    "NewDocument",
    "NotFound",
    "Outcome",
    "Passage",
    "Passages",
    "RagstoneError",
    "ResourceExhausted",
    "Stage",
    "Started",
    "Turn",
    "Unavailable",
    "Usage",
    "Written",
]
