"""Every lexical index passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.tantivy.plugin import PROVIDER
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_server.spi.lexical_index import LexicalIndex
from ragstone_server.testing.conformance.views import LexicalIndexConformance
from ragstone_server.testing.memory.host import MemoryHost
from ragstone_server.testing.memory.views import MemoryLexicalIndex


class TestMemory(LexicalIndexConformance):
    @pytest.fixture
    def index(self) -> LexicalIndex:
        return MemoryLexicalIndex()


class TestTantivy(LexicalIndexConformance):
    @pytest.fixture
    async def index(self, tmp_path: Path) -> AsyncIterator[LexicalIndex]:
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(TantivySettings(), host) as index:
            yield index
