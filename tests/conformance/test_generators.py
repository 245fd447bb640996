"""Every generator passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ragstone_plugins.extractive.plugin import PROVIDER
from ragstone_plugins.extractive.settings import ExtractiveSettings
from ragstone_plugins.litellm_provider.plugin import GENERATOR as LITELLM
from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings
from ragstone_plugins.openai_compatible.plugin import PROVIDER as OPENAI_COMPATIBLE
from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_server.spi.generator import Generator
from ragstone_server.testing.conformance.generator import GeneratorConformance
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.generator import MemoryGenerator
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.faulty import FaultyProvider, Quote
from tests.providers.prompted import Prompted


class TestMemory(GeneratorConformance):
    @pytest.fixture
    def generator(self) -> Generator:
        return MemoryGenerator()


class TestExtractive(GeneratorConformance):
    @pytest.fixture
    async def generator(self, tmp_path: Path) -> AsyncIterator[Generator]:
        needed = {"embedder": MemoryEmbedder()}
        async with (
            MemoryHost(tmp_path, tmp_path, needed) as host,
            PROVIDER.open(ExtractiveSettings(), host) as generator,
        ):
            yield generator


class TestOpenAICompatible(GeneratorConformance):
    @pytest.fixture
    async def generator(self, tmp_path: Path) -> AsyncIterator[Generator]:
        async with FaultyProvider(always=Quote()) as provider, MemoryHost(tmp_path, tmp_path) as host:
            settings = OpenAICompatibleSettings(model="small", url=provider.url)
            async with OPENAI_COMPATIBLE.open(settings, host) as generator:
                yield Prompted(generator)


class TestLitellm(GeneratorConformance):
    @pytest.fixture
    async def generator(self, tmp_path: Path) -> AsyncIterator[Generator]:
        async with FaultyProvider(always=Quote()) as provider, MemoryHost(tmp_path, tmp_path) as host:
            settings = LitellmGeneratorSettings(model="openai/small", url=provider.url, api_key=SecretStr("key"))
            async with LITELLM.open(settings, host) as generator:
                yield Prompted(generator)
