"""Events of chat completions: what is read, what is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.openai_compatible.chunks import Chunk, read
from ragstone_plugins.openai_compatible.faults import codes_of
from ragstone_plugins.openai_compatible.sse import ServerSentEvent
from ragstone_server.spi.generator import Fault, GeneratorFailed

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEYS = [
    "choices",
    "delta",
    "content",
    "finish_reason",
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "error",
    "refusal",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def event(data: Any, name: str = "message") -> ServerSentEvent:
    return ServerSentEvent(name, data if isinstance(data, bytes) else json.dumps(data).encode())


def choice(**more: object) -> dict[str, object]:
    return {"choices": [more]}


@pytest.mark.parametrize(
    ("data", "chunk"),
    [
        (b" [DONE] ", Chunk(done=True)),
        (choice(delta={"content": "a"}), Chunk("a")),
        (choice(delta={"role": "assistant"}), Chunk()),
        (choice(delta=None, finish_reason="stop"), Chunk("", "stop")),
        (choice(delta={"content": None, "refusal": "I cannot"}), Chunk(refused=True)),
        ({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}, Chunk(usage=(3, 4))),
        ({"choices": [], "usage": {"prompt_tokens": -3, "completion_tokens": True}}, Chunk()),
        ({"usage": None, "error": None}, Chunk()),
    ],
)
def test_reads(data: Any, chunk: Chunk) -> None:
    assert read(event(data)) == chunk


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"{", Fault.MALFORMED),
        (b"\xff", Fault.MALFORMED),
        (b"[" * 100_000, Fault.MALFORMED),
        (b"3", Fault.MALFORMED),
        (choice(delta={"content": 3}), Fault.MALFORMED),
        ({"choices": [3]}, Fault.MALFORMED),
        ({"choices": {"a": 1}}, Fault.MALFORMED),
        ({"error": {"message": "secret", "code": 503}}, Fault.REPORTED),
        ({"error": "secret"}, Fault.REPORTED),
    ],
)
def test_refuses_without_repeating(data: Any, fault: Fault) -> None:
    with pytest.raises(GeneratorFailed) as caught:
        read(event(data))
    assert caught.value.fault is fault
    assert "secret" not in caught.value.message
    assert caught.value.__cause__ is None


def test_an_event_named_error_is_one() -> None:
    with pytest.raises(GeneratorFailed, match=r"reported an error \(overloaded\)"):
        read(event({"type": "overloaded", "message": "x"}, "error"))


@given(JSON)
def test_p5_any_json_is_read_or_refused(data: object) -> None:
    try:
        chunk = read(event(data))
    except GeneratorFailed:
        return
    assert isinstance(chunk.text, str)


def test_only_codes_of_an_error_are_repeated() -> None:
    error = {"message": "secret text", "type": "a b", "code": "rate_limit", "status": 429}
    assert codes_of(error) == " (rate_limit, 429)"
    assert codes_of({"type": "x" * 65, "code": ["y"]}) == codes_of("text") == codes_of(None) == ""
