"""Reads what litellm makes of a provider's stream."""

import re
from collections.abc import AsyncGenerator
from typing import Any

from ragstone_server.spi.chat_completions import FINISH_REASONS, Spoken
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
from ragstone_server.spi.token_estimates import estimated_usage

_STREAMED = re.compile(r"event-?stream|ndjson|jsonl|json-seq", re.IGNORECASE)
_TYPE = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,64}")


async def events(stream: Any, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
    """The answer. Raises `GeneratorFailed` for an end that is none, and what litellm raises."""
    said = Spoken(request)
    async for chunk in stream:
        if text := said.take(_text(chunk)):
            yield TextDelta(text=text)
    usage = _reported(stream) or estimated_usage(request, said.characters)
    # litellm ends every stream with a reason; only here it tells whether the provider gave one.
    reason = stream.received_finish_reason
    if not reason:
        raise _unfinished(stream, usage)
    if reason == "error":
        raise GeneratorFailed(Fault.REPORTED, "the provider ended the answer with an error", usage=usage)
    finish = FINISH_REASONS.get(str(reason), FinishReason.STOP)
    if not said.begun and finish is not FinishReason.CONTENT_FILTER:
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
