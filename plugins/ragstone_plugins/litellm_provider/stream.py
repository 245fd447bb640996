"""Reads what litellm makes of a provider's stream."""

import re
from collections.abc import AsyncGenerator
from typing import Any

from ragstone_server.spi.generator import (
    Fault,
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    GeneratorFailed,
    TextDelta,
    Usage,
)

_CHARACTERS_A_TOKEN = 4
"""Of a rough count where the provider tells none; English prose has four to five."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_STREAMED = re.compile(r"event-?stream|ndjson|jsonl|json-seq", re.IGNORECASE)
_TYPE = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,64}")
_REASONS = {"length": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}


async def events(stream: Any, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
    """The answer. Raises `GeneratorFailed` for an end that is none, and what litellm raises."""
    said = _Said(keeps_blanks=bool(request.prefix))
    async for chunk in stream:
        if text := said.take(_text(chunk)):
            yield TextDelta(text=text)
    usage = _reported(stream) or _estimated(request, said.characters)
    # litellm ends every stream with a reason; only here it tells whether the provider gave one.
    reason = stream.received_finish_reason
    if not reason:
        raise _unfinished(stream, usage)
    if reason == "error":
        raise GeneratorFailed(Fault.REPORTED, "the provider ended the answer with an error", usage=usage)
    finish = _REASONS.get(str(reason), FinishReason.STOP)
    if not said.spoke and finish is not FinishReason.CONTENT_FILTER:
        raise GeneratorFailed(Fault.EMPTY, "the provider ended the answer without a word", usage=usage)
    yield Finished(finish_reason=finish, abstention=None, usage=usage)


def _text(chunk: Any) -> str:
    """Text of a chunk; one may have no choices, and a choice no text."""
    for choice in chunk.choices:
        return getattr(choice.delta, "content", None) or ""
    return ""


def _unfinished(stream: Any, usage: Usage) -> GeneratorFailed:
    """A stream that came to no end; a page of a proxy in between reads like an empty one."""
    headers = getattr(stream, "_response_headers", None) or {}
    kind = str({str(name).lower(): value for name, value in dict(headers).items()}.get("content-type", ""))
    if kind and not _STREAMED.search(kind):
        named = _TYPE.match(kind)
        what = f"the provider sent {named[0] if named else 'another content type'}, not a stream of events"
        return GeneratorFailed(Fault.MALFORMED, what, usage=usage)
    return GeneratorFailed(Fault.CUT, "the stream ended without a finish reason", usage=usage)


def _reported(stream: Any) -> Usage | None:
    """What the provider counted. Some tell the prompt at the beginning and the answer at the end, as running totals."""
    told = [usage for chunk in stream.chunks if (usage := getattr(chunk, "usage", None)) is not None]
    if not told:
        return None
    return Usage(
        input_tokens=max(usage.prompt_tokens or 0 for usage in told),
        output_tokens=max(usage.completion_tokens or 0 for usage in told),
        estimated=False,
    )


def _estimated(request: GenerateRequest, characters: int) -> Usage:
    asked = sum(len(message.text) for message in request.prompt) + len(request.prefix)
    return Usage(
        input_tokens=-(-asked // _CHARACTERS_A_TOKEN),
        output_tokens=-(-characters // _CHARACTERS_A_TOKEN),
        estimated=True,
    )


class _Said:
    """What the model has said until now.

    Characters beyond the 16-bit range may come in two halves, in two chunks; half of one is no text. Blanks at the beginning
    are kept back: alone they would be an empty answer.
    """

    def __init__(self, *, keeps_blanks: bool) -> None:
        self.characters = 0
        self.spoke = False
        self._keeps_blanks = keeps_blanks
        self._blank = ""
        self._half = ""

    def take(self, text: str) -> str:
        """Text that can be told now; may be empty."""
        text = self._whole(text)
        self.characters += len(text)
        if self.spoke:
            return text
        text, self._blank = self._blank + text, ""
        self.spoke = bool(text.strip())
        if not self.spoke:
            self._blank = text
            return ""
        return text if self._keeps_blanks else text.lstrip()

    def _whole(self, text: str) -> str:
        text, self._half = self._half + text, ""
        if _SURROGATE.search(text) is None:
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
