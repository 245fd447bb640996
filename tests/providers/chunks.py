"""The JSON of OpenAI's chat completions, streamed and whole, and what is read from a prompt."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

_FIRST_PASSAGE = re.compile(
    r"^(?P<fence>~{3,}|`{3,}) ?\[1\][^\n]*\n(?P<text>.*?)\n?^(?P=fence)\s*$", re.DOTALL | re.MULTILINE
)
_FIRST_SENTENCE = re.compile(r".+?[.!?](?=\s|$)|.+", re.DOTALL)
_PIECE = re.compile(r"\s*\S+")


def sse(data: Mapping[str, Any] | str) -> bytes:
    """One event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()


def delta(model: str, content: Mapping[str, Any], finish_reason: str | None = None) -> Json:
    """One event's data."""
    choice = {"index": 0, "delta": dict(content), "logprobs": None, "finish_reason": finish_reason}
    return _object("chat.completion.chunk", model, [choice])


def usage_only(model: str, usage: tuple[int, int]) -> Json:
    """The last event's data, where the client asked for usage."""
    return {**_object("chat.completion.chunk", model, []), "usage": _usage(usage)}


def completion(model: str, text: str, finish_reason: str | None, usage: tuple[int, int] | None) -> Json:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    told = {"usage": _usage(usage)} if usage is not None else {}
    return {**_object("chat.completion", model, [choice]), **told}


def models(*names: str) -> Json:
    """The list of models."""
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "tests"} for name in names]}


def quoted(body: Mapping[str, Any]) -> tuple[list[str], str]:
    """Words of the first sentence of passage [1] with its citation, and the finish reason, for a request's body.

    Goes on behind a trailing message of the assistant.
    """
    messages = body.get("messages", [])
    found = _FIRST_PASSAGE.search("\n".join(str(message.get("content")) for message in messages))
    sentence = _FIRST_SENTENCE.search(found["text"].strip()) if found else None
    text = f"{sentence[0]} [1]" if sentence else "I do not know."
    if messages and messages[-1].get("role") == "assistant":
        text = text.removeprefix(str(messages[-1]["content"]))
    pieces: Sequence[str] = [piece[0] for piece in _PIECE.finditer(text)]
    most = body.get("max_tokens") or body.get("max_completion_tokens") or len(pieces)
    return list(pieces[:most]), "stop" if most >= len(pieces) else "length"


def verdicts(body: Mapping[str, Any]) -> str:
    """A judge's reply to a request's body."""
    data = json.loads(body["messages"][-1]["content"])
    texts = {passage["number"]: passage["text"] for passage in data["passages"]}
    found = []
    for claim in data["claims"]:
        passage = next((number for number in claim["passages"] if claim["text"] in texts[number]), 0)
        found.append({"claim": claim["number"], "score": 1.0 if passage else 0.0, "passage": passage})
    return json.dumps({"verdicts": found})


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Words of the prompt."""
    return sum(len(str(message.get("content")).split()) for message in body.get("messages", []))


def _object(kind: str, model: str, choices: Sequence[Json]) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model, "choices": list(choices)}


def _usage(usage: tuple[int, int]) -> Json:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
