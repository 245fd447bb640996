"""A generator whose every event is told beforehand."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.spi.generator import (
    Abstention,
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    TextDelta,
    Usage,
    Window,
)

_FIRST_SENTENCE = re.compile(r".+?[.!?](?=\s|$)|.+", re.DOTALL)
_PIECE = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Nothing happens for a while."""

    seconds: float


Step: TypeAlias = str | Pause | Exception | Finished
"""A delta's text, a wait, an error to raise, or an end of one's own; a script without an end gets `STOP`."""
Script: TypeAlias = Sequence[Step] | Callable[[GenerateRequest], Sequence[Step]]


class MemoryGenerator:
    """A `Generator` that plays a script; without one it quotes the first sentence of passage 1, word by word.

    `open_streams` and `requests` let a test see that streams were closed and what was asked.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        model: str = "memory",
        window: Window | None = None,
        writes_json: bool = True,
    ) -> None:
        self.requests: list[GenerateRequest] = []
        self.open_streams = 0
        self._script = quote_first if script is None else script
        self._model = model
        self._window = window
        self.writes_json = writes_json

    @property
    def model(self) -> str:
        """What answers, as the stream names it."""
        return self._model

    @property
    def window(self) -> Window | None:
        """As the test wants it."""
        return self._window

    @property
    def metered(self) -> bool:
        """Nobody asks money for it."""
        return False

    def __call__(self, request: GenerateRequest, /) -> AbstractAsyncContextManager[AsyncIterator[GenerationEvent]]:
        """Play the script."""
        return self._stream(request)

    @asynccontextmanager
    async def _stream(self, request: GenerateRequest) -> AsyncIterator[AsyncIterator[GenerationEvent]]:
        self.requests.append(request)
        self.open_streams += 1
        try:
            async with aclosing(self._events(request)) as events:
                yield events
        finally:
            self.open_streams -= 1

    async def _events(self, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
        steps = self._script(request) if callable(self._script) else self._script
        words = 0
        for step in steps:
            match step:
                case str():
                    words += len(step.split())
                    yield TextDelta(text=step)
                case Pause():
                    await asyncio.sleep(step.seconds)
                case Finished():
                    yield step
                    return
                case Exception():
                    raise step
        yield Finished(finish_reason=FinishReason.STOP, abstention=None, usage=_usage(request, words))


def quote_first(request: GenerateRequest) -> Sequence[Step]:
    """The first sentence of passage 1 with its citation, in pieces of a word; no evidence or no text: an abstention."""
    match = _FIRST_SENTENCE.search(request.evidence[0].text.strip()) if request.evidence else None
    pieces = [piece[0] for piece in _PIECE.finditer(f"{match[0]} [1]")] if match else []
    if not pieces:
        return (abstained(request),)
    kept = pieces[: request.max_output_tokens]
    if len(kept) == len(pieces):
        return kept
    cut = Finished(finish_reason=FinishReason.LENGTH, abstention=None, usage=_usage(request, len(kept)))
    return (*kept, cut)


def abstained(request: GenerateRequest) -> Finished:
    """The end of an answer that there is not."""
    return Finished(
        finish_reason=FinishReason.ABSTAINED,
        abstention=Abstention.NO_RELEVANT_CONTENT,
        usage=_usage(request, 0),
    )


def _usage(request: GenerateRequest, output_tokens: int) -> Usage:
    """Words, as an estimate."""
    texts = (request.question, *(passage.text for passage in request.evidence))
    return Usage(input_tokens=sum(len(text.split()) for text in texts), output_tokens=output_tokens, estimated=True)
