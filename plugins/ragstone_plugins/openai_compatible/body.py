"""What a provider is asked, in the words of chat completions."""

import json
from typing import Any

from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_server.spi.generator import Fault, GenerateRequest, GeneratorFailed


def body_of(settings: OpenAICompatibleSettings, request: GenerateRequest) -> bytes:
    """The request as JSON. Raises `GeneratorFailed` for one that this deployment cannot be asked."""
    if not request.prompt:
        raise GeneratorFailed(Fault.REJECTED, "a language model needs a prompt")
    if request.prefix and not settings.prefill:
        raise GeneratorFailed(Fault.REJECTED, "this deployment does not go on behind a beginning; see `prefill`")
    messages = [{"role": message.role.value, "content": message.text} for message in request.prompt]
    if request.prefix:
        messages.append({"role": "assistant", "content": request.prefix})
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        settings.token_limit: request.max_output_tokens,
    }
    sampling = request.sampling
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.stop:
        body["stop"] = sampling.stop
    if sampling.json_schema is not None:
        # Not `strict`, which would refuse every schema beyond a provider's own subset; the answer is validated anyway.
        schema = {"name": "answer", "schema": _schema(sampling.json_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _schema(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise GeneratorFailed(Fault.REJECTED, "the schema of the answer is no JSON") from None
