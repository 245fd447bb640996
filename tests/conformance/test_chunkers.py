"""Every chunker passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.structure.plugin import PROVIDER
from ragstone_plugins.structure.settings import StructureSettings
from ragstone_server.spi.chunker import Chunker
from ragstone_server.testing.conformance.chunker import ChunkerConformance
from ragstone_server.testing.memory.chunker import MemoryChunker
from ragstone_server.testing.memory.host import MemoryHost


class TestMemory(ChunkerConformance):
    @pytest.fixture
    def chunker(self) -> Chunker:
        return MemoryChunker()


class TestStructure(ChunkerConformance):
    @pytest.fixture(params=[StructureSettings(), StructureSettings(target_tokens=30, min_tokens=0, overlap_tokens=10)])
    async def chunker(self, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Chunker]:
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(request.param, host) as chunker:
            yield chunker
