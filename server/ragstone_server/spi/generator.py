"""Generator: a question and numbered evidence become an answer, piece by piece."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.turns import Turn


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    """It is complete."""
    LENGTH = "length"
    """It reached the token budget."""
    ABSTAINED = "abstained"
    """There is no answer; the abstention says why."""


class Abstention(StrEnum):
    """Why there is no answer."""

    NO_RELEVANT_CONTENT = "no_relevant_content"
    """Nothing in the evidence answers the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer consumed."""

    input_tokens: int
    output_tokens: int
    estimated: bool
    """Whether the counts are the server's own estimate, not the provider's."""


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


class Generator(Protocol):
    """A `StreamStage[GenerateRequest, GenerationEvent]` with the name of its model.

    Deltas are not empty. An error is raised, never written as text. Leaving the context stops the work at once.
    """

    @property
    def model(self) -> str:
        """What answers, as the stream names it."""
        ...

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Answer one question."""
        ...
