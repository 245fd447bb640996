"""What a scripted provider does with one request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

TOKENS = ("The", " harbour", " opened", " in", " 1911", " [1]", ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    tokens: Sequence[str] = TOKENS
    usage: tuple[int, int] | None = (11, 7)
    """Tokens of the prompt and of the answer; None: the provider does not tell."""
    finish_reason: str | None = "stop"
    """Also `length`, `content_filter`; None: the provider forgets it."""
    done: bool = True
    """Whether `[DONE]` ends it."""
    lingers: bool = False
    """Whether the body stays open behind it, and nothing comes."""
    first_delay_s: float = 0.0
    delay_s: float = 0.0
    """Before each token but the first."""
    piece_bytes: int | None = None
    """The wire breaks what it sends into pieces of so many bytes, also within a character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The first sentence of the passage that is fenced as [1] in the prompt, word by word, within `max_tokens`."""

    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Verdicts on the claims of a judge's prompt: what stands word by word in a passage is supported by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Silence after `after` tokens; -1: not even a status line."""

    after: int = 2
    tokens: Sequence[str] = TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The connection ends after `after` tokens; -1: before the status line."""

    after: int = 2
    reset: bool = False
    """By a reset, which may void what was sent and not read yet."""
    politely: bool = False
    """The body ends as it should, only the stream of events in it does not."""
    tokens: Sequence[str] = TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedSse:
    """Something that is no JSON after `after` tokens."""

    after: int = 2
    line: bytes = b'data: {"choices": [{"delta": {"content": "sp\n\n'
    tokens: Sequence[str] = TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInside:
    """Status 200, and an error among the events after `after` tokens."""

    after: int = 2
    error: Mapping[str, Any] = field(
        default_factory=lambda: {"message": "secret overload of the backend", "type": "server_error", "code": 503}
    )
    tokens: Sequence[str] = TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Status 200 and no word."""

    finish_reason: str | None = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongContentType:
    """Status 200 and a page, as of a proxy in between."""

    content_type: str = "text/html"
    body: str = "<html>secret page of a proxy</html>"


@dataclass(frozen=True, slots=True)
class Status:
    """A refusal."""

    code: int
    retry_after: str | None = None
    """Seconds, or a date as HTTP writes it."""
    body: Mapping[str, Any] = field(
        default_factory=lambda: {"error": {"message": "secret refusal", "type": "refused", "code": "secret_code"}}
    )
    headers: Mapping[str, str] = field(default_factory=dict)


Step: TypeAlias = (
    Answer | Quote | Verdicts | Stall | Cut | MalformedSse | ErrorInside | Empty | WrongContentType | Status
)
