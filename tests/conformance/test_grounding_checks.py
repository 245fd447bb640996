"""Every grounding check passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.overlap.plugin import PROVIDER, OverlapSettings
from ragstone_server.spi.grounding_check import GroundingCheck
from ragstone_server.testing.conformance.grounding_check import GroundingCheckConformance
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.grounding_check import memory_grounding_check
from ragstone_server.testing.memory.host import MemoryHost


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
