"""Every catalog store passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.sqlite.plugin import PROVIDER
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.testing.conformance.catalog_store import CatalogStoreConformance
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.host import MemoryHost


class TestMemory(CatalogStoreConformance):
    @pytest.fixture
    def store(self) -> CatalogStore:
        return MemoryCatalogStore()


class TestSqlite(CatalogStoreConformance):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[CatalogStore]:
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(SqliteConfig(), host) as store:
            yield store
