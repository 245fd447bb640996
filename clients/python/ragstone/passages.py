"""Passages, citations, and why answers end."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ragstone.metadata import Value, from_wire
from ragstone.v1 import evidence_pb2, query_service_pb2


class Abstention(StrEnum):
    """Why there is no answer."""

    UNSPECIFIED = "UNSPECIFIED"
    NO_RELEVANT_CONTENT = "NO_RELEVANT_CONTENT"
    """Nothing in the evidence answers the question."""
    LOW_GROUNDING = "LOW_GROUNDING"
    """What was answered is not supported by the evidence, and the server refuses such answers."""
    BUDGET = "BUDGET"
    """Every model that could be asked may cost more than the caller permits."""
    POLICY = "POLICY"
    """The filters of all providers refuse the question, or what there is to say."""
    NO_PERMITTED_CONTENT = "NO_PERMITTED_CONTENT"
    """There is nothing that the caller may read: a collection that is empty for it."""


class FinishReason(StrEnum):
    """Why an answer ended."""

    UNSPECIFIED = "UNSPECIFIED"
    STOP = "STOP"
    """It is complete."""
    LENGTH = "LENGTH"
    """It reached its limit of tokens."""
    ABSTAINED = "ABSTAINED"
    """There is no answer; the abstention says why."""
    CONTENT_FILTER = "CONTENT_FILTER"
    """A filter of the model's provider ended it."""


class MidStream(StrEnum):
    """What happens when a model fails after its first token."""

    RESTART = "RESTART"
    """What was said is declared void, and the next model begins again."""
    CONTINUE = "CONTINUE"
    """The next model goes on behind what was said, where it can; else it begins again."""
    FAIL = "FAIL"
    """The stream ends with an error."""


class AnswerFormat(StrEnum):
    """How an answer is written."""

    TEXT = "TEXT"
    MARKDOWN = "MARKDOWN"
    JSON = "JSON"
    """By a JSON Schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier turn of a conversation."""

    role: str
    """`user` or `assistant`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One passage of a document, ranked for a question."""

    rank: int
    """Counted from 1; in the evidence of an answer, the number that citations name."""
    document: str
    """The producer's own id."""
    chunk: str
    """Id of the passage."""
    title: str
    uri: str
    page: int | None
    """Counted from 1; None where the format has no pages."""
    headings: tuple[str, ...]
    text: str
    start: int
    """First byte of the text in the document's extracted text (UTF-8)."""
    end: int
    """Byte after the last."""
    version: int
    score: float
    """0 to 1; comparable within one response."""
    scores: Mapping[str, float]
    """By stage: `dense`, `lexical`, `fused`, `rerank`."""
    metadata: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded:
    """A stage was skipped or replaced."""

    stage: str
    reason: str


class Passages(list[Passage]):
    """Passages, best first, with the watermark of the index that gave them."""

    watermark: str = ""
    degraded: tuple[Degraded, ...] = ()
    """Stages that were skipped or replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A checked citation: the passage was in the prompt."""

    number: int
    """Rank of the passage in the evidence."""
    chunk: str
    document: str
    version: int
    start: int
    """First byte of what the passage supports, in the answer's text (UTF-8)."""
    end: int
    """Byte after the last."""
    attributed: bool = False
    """The model named no passage for this sentence; the grounding check found it, and the text has no marker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer consumed, in tokens."""

    input_tokens: int
    output_tokens: int
    estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call of a model."""

    model: str
    deployment: str
    fault: str
    """What went wrong, in a word; empty where it answered."""
    usage: Usage


def passage_from(wire: evidence_pb2.Passage) -> Passage:
    """One passage."""
    return Passage(
        rank=wire.rank,
        document=wire.document,
        chunk=wire.chunk,
        title=wire.title,
        uri=wire.uri,
        page=wire.page if wire.HasField("page") else None,
        headings=tuple(wire.headings),
        text=wire.text,
        start=wire.range.start,
        end=wire.range.end,
        version=wire.version,
        score=wire.score,
        scores=dict(wire.scores),
        metadata=from_wire(wire.metadata),
    )


def citation_from(wire: query_service_pb2.Citation) -> Citation:
    """One citation."""
    return Citation(
        number=wire.number,
        chunk=wire.chunk,
        document=wire.document,
        version=wire.version,
        start=wire.range.start,
        end=wire.range.end,
        attributed=wire.attributed,
    )


def usage_from(wire: query_service_pb2.Usage) -> Usage:
    """What an answer consumed."""
    return Usage(input_tokens=wire.input_tokens, output_tokens=wire.output_tokens, estimated=wire.estimated)


def degraded_from(wire: query_service_pb2.Degraded) -> Degraded:
    """A stage that was skipped or replaced."""
    return Degraded(stage=wire.stage, reason=wire.reason)


def abstention_from(wire: query_service_pb2.Completed) -> Abstention | None:
    """None where the question was answered; a reason newer than this client is `UNSPECIFIED`."""
    if not wire.HasField("abstention"):
        return None
    names = {value: name for name, value in query_service_pb2.AbstentionReason.items()}
    name = names.get(wire.abstention.reason, "").removeprefix("ABSTENTION_REASON_")
    return Abstention(name) if name in Abstention.__members__ else Abstention.UNSPECIFIED


def finish_reason_from(wire: query_service_pb2.Completed) -> FinishReason:
    """Why an answer ended; a reason newer than this client is `UNSPECIFIED`."""
    names = {value: name for name, value in query_service_pb2.FinishReason.items()}
    name = names.get(wire.finish_reason, "").removeprefix("FINISH_REASON_")
    return FinishReason(name) if name in FinishReason.__members__ else FinishReason.UNSPECIFIED
