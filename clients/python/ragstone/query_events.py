"""What a query tells, event by event."""

from dataclasses import dataclass
from typing import TypeAlias

from ragstone.answers import Answer
from ragstone.errors import InternalError
from ragstone.grounding import Grounding, answer_grounding_from
from ragstone.passages import (
    Abstention,
    Attempt,
    Citation,
    Degraded,
    FinishReason,
    Passage,
    Usage,
    abstention_from,
    citation_from,
    degraded_from,
    finish_reason_from,
    passage_from,
    usage_from,
)
from ragstone.v1 import query_service_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The query was accepted."""

    request_id: str
    watermark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage ended."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The passages that the answer is made from; their ranks are the numbers that citations name."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A model begins to answer."""

    model: str
    route: str = ""
    deployment: str = ""
    """Its name within the route."""
    why: str = ""
    """Why this one, in a few words."""
    continues: bool = False
    """It goes on behind the deltas of the attempt before, which stay valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A further piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptDiscarded:
    """All deltas and citations up to here are void."""

    reason: str
    next_model: str
    """Empty: none answers in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Nothing was said for a while, and the stream is alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The end."""

    text: str
    citations: tuple[Citation, ...]
    abstention: Abstention | None
    usage: Usage
    watermark: str
    finish_reason: FinishReason
    attempts: tuple[Attempt, ...] = ()
    """Every call of a model, in order."""
    prompt_version: str = ""
    """Of the prompt template."""
    grounding: Grounding | None = None
    """How well the evidence supports the answer; None where it was not judged."""
    passages_in_prompt: int = 0
    """Of the evidence, how many passages the model was given: the first so many."""


Event: TypeAlias = (
    Started | Stage | Evidence | AttemptStarted | Delta | Citation | AttemptDiscarded | Degraded | Heartbeat | Completed
)


def event_from(wire: query_service_pb2.QueryResponse) -> Event | None:
    """One event; None for one that is newer than this client."""
    match wire.WhichOneof("event"):
        case "started":
            return Started(request_id=wire.started.request_id, watermark=wire.started.watermark)
        case "stage":
            return Stage(name=wire.stage.name, seconds=wire.stage.took.ToNanoseconds() / 1e9)
        case "evidence":
            return Evidence(passages=tuple(passage_from(passage) for passage in wire.evidence.passages))
        case "attempt_started":
            return AttemptStarted(
                model=wire.attempt_started.model,
                route=wire.attempt_started.route,
                deployment=wire.attempt_started.deployment,
                why=wire.attempt_started.why,
                continues=wire.attempt_started.continues,
            )
        case "delta":
            return Delta(text=wire.delta.text)
        case "citation":
            return citation_from(wire.citation)
        case "attempt_discarded":
            return AttemptDiscarded(reason=wire.attempt_discarded.reason, next_model=wire.attempt_discarded.next_model)
        case "degraded":
            return degraded_from(wire.degraded)
        case "heartbeat":
            return Heartbeat()
        case "completed":
            return _completed(wire.completed)
        case _:
            return None


def _completed(wire: query_service_pb2.Completed) -> Completed:
    return Completed(
        text=wire.answer.text,
        citations=tuple(citation_from(citation) for citation in wire.answer.citations),
        abstention=abstention_from(wire),
        usage=usage_from(wire.usage),
        watermark=wire.watermark,
        finish_reason=finish_reason_from(wire),
        attempts=tuple(
            Attempt(
                model=attempt.model,
                deployment=attempt.deployment,
                fault=attempt.fault,
                usage=usage_from(attempt.usage),
            )
            for attempt in wire.attempts
        ),
        prompt_version=wire.prompt_version,
        grounding=answer_grounding_from(wire),
        passages_in_prompt=wire.passages_in_prompt,
    )


class AnswerBuilder:
    """Makes an answer of the events; what was discarded never gets into it."""

    def __init__(self) -> None:
        self._passages: tuple[Passage, ...] = ()
        self._degraded: list[Degraded] = []
        self._completed: Completed | None = None

    def add(self, event: Event) -> None:
        """Take one event."""
        match event:
            case Evidence(passages=passages):
                self._passages = passages
            case Degraded():
                self._degraded.append(event)
            case Completed():
                self._completed = event

    def answer(self) -> Answer:
        """The answer, after the last event. Raises `InternalError` where the stream ended without one."""
        completed = self._completed
        if completed is None:
            raise InternalError("the stream ended without a terminal event")
        return Answer(
            text=completed.text,
            citations=completed.citations,
            passages=self._passages,
            abstention=completed.abstention,
            usage=completed.usage,
            watermark=completed.watermark,
            finish_reason=completed.finish_reason,
            degraded=tuple(self._degraded),
            grounding=completed.grounding,
        )
