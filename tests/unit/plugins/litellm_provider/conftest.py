"""A generator over the real litellm, at a provider that a test controls."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from ragstone_plugins.litellm_provider.plugin import GENERATOR
from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings
from ragstone_server.spi.generator import Generator
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.faulty import FaultyProvider
from tests.providers.prompted import Prompted

Opening = Callable[..., AbstractAsyncContextManager[Generator]]


@pytest.fixture
async def provider() -> AsyncIterator[FaultyProvider]:
    async with FaultyProvider() as provider:
        yield provider


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


@pytest.fixture
def opening(provider: FaultyProvider, host: MemoryHost) -> Opening:
    """Opens a generator; settings of the test's own may be given."""

    @asynccontextmanager
    async def open_generator(**settings: object) -> AsyncIterator[Generator]:
        given = {"model": "openai/small", "url": provider.url, "api_key": SecretStr("secret-key")} | settings
        async with GENERATOR.open(LitellmGeneratorSettings.model_validate(given), host) as generator:
            yield Prompted(generator)

    return open_generator


@pytest.fixture
async def generator(opening: Opening) -> AsyncIterator[Generator]:
    async with opening(timeout_seconds=30) as generator:
        yield generator
