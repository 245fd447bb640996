"""Client of Ragstone: questions answered from documents, streamed, with checked citations."""

from ragstone.aio import AsyncClient
from ragstone.answers import Answer
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
from ragstone.grounding import GroundedSentence, Grounding
from ragstone.operations import Operation, OperationState
from ragstone.passages import (
    Abstention,
    AnswerFormat,
    Attempt,
    Citation,
    Degraded,
    FinishReason,
    MidStream,
    Passage,
    Passages,
    Turn,
    Usage,
)
from ragstone.query_events import (
    AttemptDiscarded,
    AttemptStarted,
    Completed,
    Delta,
    Event,
    Evidence,
    Heartbeat,
    Stage,
    Started,
)

__all__ = [
    "Abstention",
    "Acknowledgement",
    "AlreadyExists",
    "Answer",
    "AnswerFormat",
    "AsyncClient",
    "Attempt",
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
    "FinishReason",
    "GroundedSentence",
    "Grounding",
    "Heartbeat",
    "InternalError",
    "InvalidArgument",
    "MidStream",
    "NewDocument",
    "NotFound",
    "Operation",
    "OperationState",
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
