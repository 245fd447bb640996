"""Every grounding check passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ragstone_plugins.litellm_provider.plugin import JUDGE as LITELLM
from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings
from ragstone_plugins.openai_compatible.plugin import JUDGE as OPENAI_COMPATIBLE
from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_plugins.overlap.plugin import PROVIDER, OverlapSettings
from ragstone_server.spi.grounding_check import GroundingCheck
from ragstone_server.testing.conformance.grounding_check import GroundingCheckConformance
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.grounding_check import memory_grounding_check
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.faulty import FaultyProvider, Verdicts


class TestMemory(GroundingCheckConformance):
    @pytest.fixture
    def check(self) -> GroundingCheck:
        return memory_grounding_check


class TestOverlap(GroundingCheckConformance):
    @pytest.fixture
    async def check(self, tmp_path: Path) -> AsyncIterator[GroundingCheck]:
        needed = {"embedder": MemoryEmbedder()}
        async with MemoryHost(tmp_path, tmp_path, needed) as host, PROVIDER.open(OverlapSettings(), host) as check:
            yield check


class TestOpenAICompatible(GroundingCheckConformance):
    @pytest.fixture
    async def check(self, tmp_path: Path) -> AsyncIterator[GroundingCheck]:
        async with FaultyProvider(always=Verdicts()) as provider, MemoryHost(tmp_path, tmp_path) as host:
            settings = OpenAICompatibleSettings(model="small", url=provider.url)
            async with OPENAI_COMPATIBLE.open(settings, host) as check:
                yield check


class TestLitellm(GroundingCheckConformance):
    @pytest.fixture
    async def check(self, tmp_path: Path) -> AsyncIterator[GroundingCheck]:
        async with FaultyProvider(always=Verdicts()) as provider, MemoryHost(tmp_path, tmp_path) as host:
            settings = LitellmGeneratorSettings(model="openai/small", url=provider.url, api_key=SecretStr("key"))
            async with LITELLM.open(settings, host) as check:
                yield check
