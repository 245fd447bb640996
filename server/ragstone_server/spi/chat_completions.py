"""What plugins for language models share: the words of chat completions, whoever carries them."""

import json
import math
import re
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ragstone_server.spi.generator import (
    Abstention,
    Fault,
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    GeneratorFailed,
    Usage,
)

FINISH_REASONS: Mapping[str, FinishReason] = {
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}
"""What a `finish_reason` means; any other is a stop."""
LONGEST_WAIT_S = 86_400.0
_SURROGATE = re.compile("[\ud800-\udfff]")


def completion(request: GenerateRequest, *, prefill: bool) -> dict[str, Any]:
    """A streamed completion, but for the model and the limit of tokens.

    Raises `GeneratorFailed` for one without a prompt, and for a beginning where the model cannot `prefill`.
    """
    if not request.prompt:
        raise GeneratorFailed(Fault.REJECTED, "a language model needs a prompt")
    if request.prefix and not prefill:
        raise GeneratorFailed(Fault.REJECTED, "this deployment does not go on behind a beginning; see `prefill`")
    messages = [{"role": message.role.value, "content": writable(message.text)} for message in request.prompt]
    if request.prefix:
        messages.append({"role": "assistant", "content": writable(request.prefix)})
    asked: dict[str, Any] = {"messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    sampling = request.sampling
    if sampling.temperature is not None:
        asked["temperature"] = sampling.temperature
    if sampling.stop:
        asked["stop"] = [writable(stop) for stop in sampling.stop]
    if sampling.json_schema is not None:
        # Not `strict`, which would refuse every schema beyond a provider's own subset; the answer is validated anyway.
        schema = {"name": "answer", "schema": _schema(sampling.json_schema)}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    return asked


def writable(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair, which UTF-8 cannot say."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
"""Codes of errors with which providers say that their filter refuses a question."""


def fault_of(status: int, code: object = None) -> Fault:
    """What an HTTP status other than 200, and the code of its error, say of a deployment."""
    if status == 400 and code in FILTER_CODES:
        return Fault.FILTERED
    if status in (401, 403):
        return Fault.UNAUTHORIZED
    if status == 429:
        return Fault.RATE_LIMITED
    if 400 <= status < 500:
        return Fault.REJECTED
    return Fault.UNAVAILABLE if status >= 500 else Fault.MALFORMED


def wait_of(retry_after: str, now: datetime) -> float | None:
    """Seconds of a `Retry-After`, of seconds or of a date (RFC 9110, 10.2.3), from 0 to a day; None where it is neither."""
    try:
        wait = float(retry_after)
    except ValueError:
        try:
            until = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        wait = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(wait, 0.0), LONGEST_WAIT_S) if math.isfinite(wait) else None


class Spoken:
    """What a model has said until now.

    Characters beyond the 16-bit range may come in two halves, in two pieces; half of one is no text. Blanks at the beginning
    are kept back, for alone they would be an empty answer, and left out where they are not the middle of one.
    """

    def __init__(self, request: GenerateRequest) -> None:
        self.characters = 0
        self.begun = False
        self._keeps_blanks = bool(request.prefix)
        self._blank = ""
        self._half = ""

    def take(self, piece: str) -> str:
        """Text that can be told now; may be empty."""
        text = self._whole(piece)
        self.characters += len(text)
        if self.begun:
            return text
        text, self._blank = self._blank + text, ""
        self.begun = bool(text.strip())
        if not self.begun:
            self._blank = text
            return ""
        return text if self._keeps_blanks else text.lstrip()

    def _whole(self, piece: str) -> str:
        text, self._half = self._half + piece, ""
        if _SURROGATE.search(text) is None:
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


async def nothing_to_say() -> AsyncGenerator[GenerationEvent, None]:
    """The answer where there is no evidence: no model is asked."""
    yield Finished(
        finish_reason=FinishReason.ABSTAINED,
        abstention=Abstention.NO_RELEVANT_CONTENT,
        usage=Usage(input_tokens=0, output_tokens=0, estimated=False),
    )


def _schema(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise GeneratorFailed(Fault.REJECTED, "the schema of the answer is no JSON") from None
