"""What an event of chat completions says: only what an answer needs, with its types checked."""

import json
from typing import Any, NamedTuple

from ragstone_plugins.openai_compatible.faults import malformed, reported
from ragstone_plugins.openai_compatible.sse import ServerSentEvent


class Chunk(NamedTuple):
    """One event, read."""

    text: str = ""
    finish_reason: str = ""
    usage: tuple[int, int] | None = None
    """Tokens of the prompt and of the answer, as the provider counts them."""
    done: bool = False
    """Nothing follows."""
    refused: bool = False
    """It says why the model does not answer; what it says is no answer."""


def read(event: ServerSentEvent) -> Chunk:
    """Read an event. Raises `GeneratorFailed` for an error of the provider, and for what is not the protocol."""
    if event.data.strip() == b"[DONE]":
        return Chunk(done=True)
    data = decoded(event.data)
    if error := data.get("error"):
        raise reported(error)
    if event.name == "error":
        raise reported(data)
    usage = _usage(data.get("usage"))
    choices = data.get("choices")
    if not choices:
        return Chunk(usage=usage)
    try:
        choice = choices[0]
        delta = choice.get("delta") or {}
        text, reason = delta.get("content") or "", choice.get("finish_reason") or ""
        refused = bool(delta.get("refusal"))
    except (AttributeError, LookupError, TypeError):
        raise malformed("an event of the stream has another shape") from None
    if not isinstance(text, str) or not isinstance(reason, str):
        raise malformed("an event of the stream has another shape")
    return Chunk(text, reason, usage, refused=refused)


def decoded(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises `GeneratorFailed`, without the text as its cause, for that holds what the provider wrote."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise malformed("an event of the stream is no JSON") from None
    if not isinstance(value, dict):
        raise malformed("an event of the stream is no object")
    return value


def _usage(usage: object) -> tuple[int, int] | None:
    """Counts that make sense; a provider may send none, or null with every event but the last."""
    if not isinstance(usage, dict):
        return None
    counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    told = tuple(count for count in counts if isinstance(count, int) and not isinstance(count, bool) and count >= 0)
    return (told[0], told[1]) if len(told) == 2 else None
