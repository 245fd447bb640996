"""What a query tells, event by event."""

from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.observe.stage_times import StageTime
from ragstone_server.pipelines.judgement import Grounding
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import Abstention, FinishReason, Usage
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.wrappers.fallible import Degradation


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The query was accepted."""

    request_id: str
    watermark: Watermark
    """Head of the catalog when the query began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFound:
    """The passages that the answer is made from, numbered as citations name them."""

    passages: tuple[NumberedPassage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A model begins to answer."""

    model: str
    route: str = ""
    deployment: str = ""
    why: str = ""
    """Why this one."""
    continues: bool = False
    """It goes on behind the deltas of the attempt before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A further piece of the answer of the present attempt."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A checked citation."""

    number: int
    """Of the passage, as in the evidence."""
    passage: NumberedPassage
    range: ByteRange
    """Part of the answer's UTF-8 text that the passage supports."""
    attributed: bool = False
    """The model named no passage here: the grounding check found it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptDiscarded:
    """The deltas and citations of the present attempt are void."""

    reason: str
    next_model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The whole answer once more."""

    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One call of a model, whether it was seen in the stream or failed before its first token."""

    model: str
    deployment: str
    fault: str | None
    """None: it answered."""
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The end: the last event of a stream."""

    finish_reason: FinishReason
    abstention: Abstention | None
    answer: Answer
    usage: Usage
    """Of all attempts together."""
    invalid_citations: int
    """Citations that named no passage of the evidence and were removed."""
    watermark: Watermark
    """Least position of the views that contributed."""
    attempts: tuple[AttemptRecord, ...] = ()
    """Every call of a model, in order."""
    prompt_version: str = ""
    """Of the prompt template."""
    passages_in_prompt: int = 0
    """Of the evidence, how many the model was given: the first so many."""
    grounding: Grounding | None = None
    """How well the evidence supports the answer; None where it was not judged. Of a refused answer it has no sentences."""


QueryEvent: TypeAlias = (
    Started | StageTime | EvidenceFound | AttemptStarted | Delta | Citation | AttemptDiscarded | Degradation | Completed
)
