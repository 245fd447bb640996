"""A generator over a provider that fails as a script says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ragstone_plugins.openai_compatible.plugin import PROVIDER
from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_server.spi.generator import GenerateRequest, Generator
from ragstone_server.testing.conformance.generator import HARBOUR, OPENED, generate_request, numbered
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.prompted import prompt_for

KEY = "sk-never-to-be-seen"


def asked() -> GenerateRequest:
    """A question with its prompt."""
    request = generate_request(OPENED, numbered(1, HARBOUR))
    return replace(request, prompt=prompt_for(request))


@asynccontextmanager
async def deployed(url: str, **more: object) -> AsyncIterator[Generator]:
    """The generator, opened."""
    settings = OpenAICompatibleSettings.model_validate({"model": "small", "url": url, "api_key": KEY, **more})
    nowhere = Path()
    async with MemoryHost(nowhere, nowhere) as host, PROVIDER.open(settings, host) as generator:
        yield generator
