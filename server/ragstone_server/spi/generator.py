"""Generator: a question and numbered evidence become an answer, piece by piece."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a model reads and writes at most."""

    tokens: int
    """Of a prompt and its answer together."""
    count: Callable[[str], int]
    """Tokens of a text: by the model's own tokenizer where it is known, else rather too many. Safe in several threads."""


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    """It is complete."""
    LENGTH = "length"
    """It reached the token budget."""
    CONTENT_FILTER = "content_filter"
    """The provider's filter ended it."""
    ABSTAINED = "abstained"
    """There is no answer; the abstention says why."""


class Abstention(StrEnum):
    """Why there is no answer."""

    NO_RELEVANT_CONTENT = "no_relevant_content"
    """Nothing in the evidence answers the question."""
    NO_PERMITTED_CONTENT = "no_permitted_content"
    """There is nothing that the caller may read: a collection that is empty for it."""
    LOW_GROUNDING = "low_grounding"
    """What was answered is not supported by the evidence, and policy refuses that."""
    BUDGET = "budget"
    """Every model that could be asked may cost more than the caller permits."""
    POLICY = "policy"
    """The filters of all providers refuse the question, or what there is to say."""


class MessageRole(StrEnum):
    """Who speaks in a prompt."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptMessage:
    """One message of a rendered prompt."""

    role: MessageRole
    text: str


class AnswerFormat(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a language model picks its tokens, and what it writes; what is None is left to the provider."""

    temperature: float | None = None
    """From 0 (always the likeliest token) to 2."""
    stop: tuple[str, ...] = ()
    """Texts before which the answer ends."""
    format: AnswerFormat = AnswerFormat.TEXT
    """Said in the prompt already."""
    json_schema: str | None = None
    """JSON Schema that the answer obeys, as JSON; set if and only if the format is JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer consumed."""

    input_tokens: int
    output_tokens: int
    estimated: bool
    """Whether the counts are the server's own estimate, not the provider's."""


UNASKED = Usage(input_tokens=0, output_tokens=0, estimated=False)
"""Of a model that was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """The question and the evidence to answer it from."""

    context: RequestContext
    question: str
    search_text: str
    """The question understood without the turns, as the rewriter gave it."""
    turns: tuple[Turn, ...]
    evidence: tuple[NumberedPassage, ...]
    """Numbered from 1 without gaps; may be empty."""
    max_output_tokens: int
    prompt: tuple[PromptMessage, ...] = ()
    """Question and evidence as a language model is to read them; one that reads them itself ignores it."""
    prompt_version: str = ""
    """Of the template that it was rendered with."""
    prefix: str = ""
    """Beginning of the answer, said already by another model: the deltas go on behind it and do not repeat it."""
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """A further piece of the answer; citations stand in it as `[number]`."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of an answer: the last event of a stream, once."""

    finish_reason: FinishReason
    abstention: Abstention | None
    """Set if and only if the finish reason is `ABSTAINED`; then there was no delta."""
    usage: Usage


GenerationEvent: TypeAlias = TextDelta | Finished


class Fault(StrEnum):
    """What is wrong with a provider, or with what it was asked."""

    UNREACHABLE = "unreachable"
    """No connection."""
    UNAVAILABLE = "unavailable"
    """It answers that it cannot serve now (500 to 599)."""
    RATE_LIMITED = "rate_limited"
    """It answers that it is asked too often (429)."""
    UNAUTHORIZED = "unauthorized"
    """It refuses the credentials (401, 403)."""
    REJECTED = "rejected"
    """It refuses the request (other 400 to 499); sending it again is of no use."""
    STALLED = "stalled"
    """It sent nothing for too long."""
    CUT = "cut"
    """The stream ended before its end."""
    MALFORMED = "malformed"
    """What came is not the protocol: a wrong content type, broken framing, broken JSON."""
    REPORTED = "reported"
    """It sent an error where an answer was to come."""
    EMPTY = "empty"
    """It ended without a word."""
    OVER_BUDGET = "over_budget"
    """Its answer may cost more than the caller permits, or nobody knows its price; it was not asked."""
    TOO_LONG = "too_long"
    """The question does not fit the model's window; it was not asked."""
    FILTERED = "filtered"
    """Its filter refuses the question, or the whole answer."""
    INVALID_FORMAT = "invalid_format"
    """The answer is not what its format asks for."""


RETRYABLE = frozenset({Fault.UNREACHABLE, Fault.UNAVAILABLE, Fault.RATE_LIMITED, Fault.CUT, Fault.STALLED})
"""Sending the same request to the same provider again may help."""
PASSED_OVER = frozenset({Fault.TOO_LONG, Fault.OVER_BUDGET})
"""Nothing is wrong with the provider; it was not asked."""


class GeneratorFailed(RagstoneError):
    """The provider of a model failed."""

    def __init__(
        self,
        fault: Fault,
        message: str | None = None,
        *,
        retry_after_s: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        """`message` is for logs and operators: it holds no text of the prompt, of the answer or of a key."""
        super().__init__(message or f"the provider failed: {fault}")
        self.fault = fault
        self.retry_after_s = retry_after_s
        """When the provider wants to be asked again."""
        self.usage = usage
        """What was consumed until then, where it is known."""


class Generator(Protocol):
    """A `StreamStage[GenerateRequest, GenerationEvent]` with the name of its model.

    Deltas are not empty. An error is raised, never written as text: `GeneratorFailed` for what the provider of a model does.
    A generator neither retries nor falls back, and reads no clock but for the request's deadline. Leaving the context stops
    the work at once: a connection is closed, not returned to a pool, while its answer is incomplete.
    """

    @property
    def model(self) -> str:
        """What answers, as the stream names it."""
        ...

    @property
    def window(self) -> Window | None:
        """What it reads and writes at most; None where that is not known, or without a limit."""
        ...

    @property
    def metered(self) -> bool:
        """Whether somebody may ask money for its tokens."""
        ...

    @property
    def writes_json(self) -> bool:
        """Whether it can be asked for JSON by a schema; one that cannot is never asked."""
        ...

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Answer one question."""
        ...
