"""Every embedder passes the suite of its kind. A new one adds a class here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ragstone_plugins.litellm_provider.plugin import EMBEDDER as LITELLM
from ragstone_plugins.litellm_provider.settings import LitellmEmbedderSettings
from ragstone_server.spi.embedder import Embedder
from ragstone_server.testing.conformance.embedder import EmbedderConformance
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.host import MemoryHost
from ragstone_server.wrappers.gathering import GatheringEmbedder
from tests.providers.embeddings import EmbeddingProvider


class TestMemory(EmbedderConformance):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return MemoryEmbedder()


class TestGathering(EmbedderConformance):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return GatheringEmbedder(MemoryEmbedder(), batch=4, at_once=1)


class TestLitellm(EmbedderConformance):
    @pytest.fixture
    async def embedder(self, tmp_path: Path) -> AsyncIterator[Embedder]:
        async with EmbeddingProvider() as provider, MemoryHost(tmp_path, tmp_path) as host:
            settings = LitellmEmbedderSettings(
                model="openai/small", url=provider.url, api_key=SecretStr("key"), batch_size=3, max_tokens=256
            )
            async with LITELLM.open(settings, host) as embedder:
                yield embedder
