"""What providers are asked for an answer, in the words of litellm."""

import json
from typing import Any

from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings
from ragstone_server.spi.generator import Fault, GenerateRequest, GeneratorFailed

_MARKED_PREFIX = frozenset({"mistral", "deepseek"})
"""Providers that go on behind a message of the assistant only where it is marked so."""


def completion(settings: LitellmGeneratorSettings, provider: str, request: GenerateRequest) -> dict[str, Any]:
    """Arguments of a completion. Raises `GeneratorFailed` for a request that this deployment cannot be asked."""
    if not request.prompt:
        raise GeneratorFailed(Fault.REJECTED, "a language model needs a prompt")
    if request.prefix and not settings.prefill:
        raise GeneratorFailed(Fault.REJECTED, "this deployment does not go on behind a beginning; see `prefill`")
    messages: list[dict[str, Any]] = [
        {"role": message.role.value, "content": writable(message.text)} for message in request.prompt
    ]
    if request.prefix:
        mark = {"prefix": True} if provider in _MARKED_PREFIX else {}
        messages.append({"role": "assistant", "content": writable(request.prefix), **mark})
    asked: dict[str, Any] = {
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": request.max_output_tokens,
    }
    sampling = request.sampling
    if sampling.temperature is not None:
        asked["temperature"] = sampling.temperature
    if sampling.stop:
        asked["stop"] = list(sampling.stop)
    if sampling.json_schema is not None:
        schema = {"name": "answer", "schema": _schema(sampling.json_schema)}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    return asked


def writable(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair, which UTF-8 cannot say."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _schema(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise GeneratorFailed(Fault.REJECTED, "the schema of the answer is no JSON") from None
