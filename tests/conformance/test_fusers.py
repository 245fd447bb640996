"""Every fuser passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.fusion.plugin import RECIPROCAL_RANK, WEIGHTED
from ragstone_plugins.fusion.settings import ReciprocalRankSettings, WeightedSettings
from ragstone_server.spi.fuser import Fuser
from ragstone_server.testing.conformance.fuser import FuserConformance
from ragstone_server.testing.memory.fuser import memory_fuser
from ragstone_server.testing.memory.host import MemoryHost


class TestMemory(FuserConformance):
    @pytest.fixture
    def fuser(self) -> Fuser:
        return memory_fuser


class TestWeighted(FuserConformance):
    @pytest.fixture
    async def fuser(self, tmp_path: Path) -> AsyncIterator[Fuser]:
        async with MemoryHost(tmp_path, tmp_path) as host, WEIGHTED.open(WeightedSettings(), host) as fuser:
            yield fuser


class TestReciprocalRank(FuserConformance):
    @pytest.fixture
    async def fuser(self, tmp_path: Path) -> AsyncIterator[Fuser]:
        settings = ReciprocalRankSettings()
        async with MemoryHost(tmp_path, tmp_path) as host, RECIPROCAL_RANK.open(settings, host) as fuser:
            yield fuser
