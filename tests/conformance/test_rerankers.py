"""Every reranker passes the suite of its kind. A new one adds a class here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ragstone_plugins.litellm_provider.plugin import RERANKER as LITELLM
from ragstone_plugins.litellm_provider.settings import LitellmRerankerSettings
from ragstone_plugins.onnx.plugin import RERANKER as ONNX
from ragstone_plugins.onnx.plugin import OnnxRerankerSettings
from ragstone_server.spi.reranker import Reranker
from ragstone_server.testing.conformance.reranker import RerankerConformance
from ragstone_server.testing.memory.host import MemoryHost
from ragstone_server.testing.memory.reranker import memory_reranker
from tests.cross_encoders import write
from tests.providers.embeddings import EmbeddingProvider


class TestMemory(RerankerConformance):
    @pytest.fixture
    def reranker(self) -> Reranker:
        return memory_reranker


class TestLitellm(RerankerConformance):
    @pytest.fixture(params=["cohere/small", "jina_ai/small"])
    async def reranker(self, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Reranker]:
        async with EmbeddingProvider() as provider, MemoryHost(tmp_path, tmp_path) as host:
            settings = LitellmRerankerSettings(
                model=request.param, url=f"{provider.url}/rerank", api_key=SecretStr("key"), batch_size=4
            )
            async with LITELLM.open(settings, host) as reranker:
                yield reranker


class TestOnnx(RerankerConformance):
    @pytest.fixture
    async def reranker(self, tmp_path: Path) -> AsyncIterator[Reranker]:
        settings = OnnxRerankerSettings(model=str(write(tmp_path / "cross")))
        async with MemoryHost(tmp_path, tmp_path) as host, ONNX.open(settings, host) as reranker:
            yield reranker
