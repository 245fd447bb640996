"""A model that says it has no answer: its mark becomes an abstention, and is never answer text (promise P7)."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from ragstone_server.spi.generator import (
    Abstention,
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    TextDelta,
    Usage,
)
from ragstone_server.spi.stages import StreamStage
from ragstone_server.spi.token_estimates import estimated_usage

DECORATION = " \t\r\n\"'`*_“”‘’«»([{"
"""What models put before the mark."""
LONGEST = 24
"""Characters of decoration that are held back."""
PATIENCE = 64
"""Events after the mark within which the end is awaited, for the sake of its usage; then the model is stopped."""


def abstaining(
    stage: StreamStage[GenerateRequest, GenerationEvent], mark: str
) -> StreamStage[GenerateRequest, GenerationEvent]:
    """Hold back the beginning of an answer while it may be the mark."""

    async def judged(
        request: GenerateRequest, events: AsyncIterator[GenerationEvent]
    ) -> AsyncIterator[GenerationEvent]:
        held = ""
        decided = bool(request.prefix)  # what goes on behind an answer is none of its beginning
        async for event in events:
            if decided:
                yield event
                continue
            if isinstance(event, Finished):
                if _is_mark(held, mark, ended=True):
                    yield _abstained(event.usage)
                else:
                    if held:
                        yield TextDelta(text=held)
                    yield event
                return
            held += event.text
            if _is_mark(held, mark, ended=False):
                yield _abstained(await _usage(events, request, held))
                return
            if not _may_become(held, mark):
                decided = True
                yield TextDelta(text=held)

    @asynccontextmanager
    async def opened(request: GenerateRequest) -> AsyncIterator[AsyncIterator[GenerationEvent]]:
        async with stage(request) as events:
            yield judged(request, events)

    def call(request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        return opened(request)

    return call


def _is_mark(text: str, mark: str, *, ended: bool) -> bool:
    """Whether the mark stands there as a word of its own."""
    lead = text.lstrip(DECORATION)
    if not lead.startswith(mark):
        return False
    behind = lead[len(mark) : len(mark) + 1]
    return not (behind.isalnum() or behind == "_") if behind else ended


def _may_become(text: str, mark: str) -> bool:
    lead = text.lstrip(DECORATION)
    return len(text) - len(lead) <= LONGEST and mark.startswith(lead)


async def _usage(events: AsyncIterator[GenerationEvent], request: GenerateRequest, said: str) -> Usage:
    """What the provider tells at the end, or an estimate where the model rambles on."""
    characters = len(said)
    for _ in range(PATIENCE):
        event = await anext(events, None)
        match event:
            case None:
                break
            case Finished(usage=usage):
                return usage
            case TextDelta(text=text):
                characters += len(text)
    return estimated_usage(request, characters)


def _abstained(usage: Usage) -> Finished:
    return Finished(finish_reason=FinishReason.ABSTAINED, abstention=Abstention.NO_RELEVANT_CONTENT, usage=usage)
