"""What providers are asked, in the words of litellm, and how long it may take."""

from typing import Any

from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings, LitellmSettings
from ragstone_server.spi import chat_completions
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.generator import GenerateRequest

_MARKED_PREFIX = frozenset({"mistral", "deepseek"})
"""Providers that go on behind a message of the assistant only where it is marked so."""


def completion(settings: LitellmGeneratorSettings, provider: str, request: GenerateRequest) -> dict[str, Any]:
    """Arguments of a completion. Raises `GeneratorFailed` for a request that this deployment cannot be asked."""
    asked = chat_completions.completion(request, prefill=settings.prefill)
    if request.prefix and provider in _MARKED_PREFIX:
        asked["messages"][-1]["prefix"] = True
    return {**asked, "max_tokens": request.max_output_tokens}


def seconds_for(settings: LitellmSettings, context: RequestContext, clock: Clock) -> float:
    """How long a request may take. Raises `DeadlineExceeded` where the caller's time is over."""
    if context.deadline is None:
        return settings.timeout_seconds
    left = context.deadline - clock.monotonic()
    if left <= 0:
        raise DeadlineExceeded
    return min(left, settings.timeout_seconds)
