"""What a provider is asked."""

import json

from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_server.spi.chat_completions import completion
from ragstone_server.spi.generator import GenerateRequest


def body_of(settings: OpenAICompatibleSettings, request: GenerateRequest) -> bytes:
    """The request as JSON. Raises `GeneratorFailed` for one that this deployment cannot be asked."""
    body = {
        "model": settings.model,
        **completion(request, prefill=settings.prefill),
        settings.token_limit: request.max_output_tokens,
    }
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
