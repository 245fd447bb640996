"""Every rewriter passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.rules.plugin import PROVIDER
from ragstone_plugins.rules.settings import RulesSettings
from ragstone_server.spi.rewriter import Rewriter
from ragstone_server.testing.conformance.rewriter import RewriterConformance
from ragstone_server.testing.memory.host import MemoryHost
from ragstone_server.testing.memory.rewriter import memory_rewriter


class TestMemory(RewriterConformance):
    @pytest.fixture
    def rewriter(self) -> Rewriter:
        return memory_rewriter


class TestRules(RewriterConformance):
    @pytest.fixture
    async def rewriter(self, tmp_path: Path) -> AsyncIterator[Rewriter]:
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(RulesSettings(), host) as rewriter:
            yield rewriter
