"""Every vector index passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.faiss.plugin import PROVIDER
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_server.spi.vector_index import VectorIndex
from ragstone_server.testing.conformance.views import VectorIndexConformance
from ragstone_server.testing.memory.host import MemoryHost
from ragstone_server.testing.memory.views import MemoryVectorIndex


class TestMemory(VectorIndexConformance):
    @pytest.fixture
    def index(self) -> VectorIndex:
        return MemoryVectorIndex()


class TestFaiss(VectorIndexConformance):
    @pytest.fixture
    async def index(self, tmp_path: Path) -> AsyncIterator[VectorIndex]:
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(FaissSettings(), host) as index:
            yield index


class TestFaissShards(VectorIndexConformance):
    @pytest.fixture
    async def index(self, tmp_path: Path) -> AsyncIterator[VectorIndex]:
        settings = FaissSettings(shards=3)
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(settings, host) as index:
            yield index
