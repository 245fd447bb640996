"""Every context filter passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.context.plugin import PROVIDER
from ragstone_plugins.context.settings import EvidenceSettings
from ragstone_server.spi.context_filter import ContextFilter
from ragstone_server.testing.conformance.context_filter import ContextFilterConformance
from ragstone_server.testing.memory.context_filter import memory_context_filter
from ragstone_server.testing.memory.host import MemoryHost


class TestMemory(ContextFilterConformance):
    @pytest.fixture
    def context_filter(self) -> ContextFilter:
        return memory_context_filter


class TestEvidence(ContextFilterConformance):
    @pytest.fixture
    async def context_filter(self, tmp_path: Path) -> AsyncIterator[ContextFilter]:
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(EvidenceSettings(), host) as context_filter:
            yield context_filter
