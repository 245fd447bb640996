"""A prompt for generators that are tested without a pipeline."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from ragstone_server.spi.generator import (
    GenerateRequest,
    GenerationEvent,
    Generator,
    MessageRole,
    PromptMessage,
    Window,
)

FENCE = "~~~~"


def prompt_for(request: GenerateRequest) -> tuple[PromptMessage, ...]:
    """The evidence, fenced and numbered, and the question."""
    fenced = (
        f"{FENCE} [{passage.number}] {passage.scored.passage.title}\n{passage.text}\n{FENCE}"
        for passage in request.evidence
    )
    return (
        PromptMessage(role=MessageRole.SYSTEM, text="Answer from the passages."),
        PromptMessage(role=MessageRole.USER, text="\n\n".join((*fenced, request.question))),
    )


class Prompted:
    """A `Generator` that gives each request a prompt, as the pipeline does."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    @property
    def model(self) -> str:
        """That of the generator."""
        return self._generator.model

    @property
    def window(self) -> Window | None:
        """That of the generator."""
        return self._generator.window

    @property
    def metered(self) -> bool:
        """That of the generator."""
        return self._generator.metered

    @property
    def writes_json(self) -> bool:
        """As the generator."""
        return self._generator.writes_json

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Answer one question."""
        return self._generator(replace(request, prompt=prompt_for(request)))
