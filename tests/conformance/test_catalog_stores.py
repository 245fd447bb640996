"""Every catalog store passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ragstone_plugins.postgresql import plugin as postgresql
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_plugins.sqlite import plugin as sqlite
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
        async with MemoryHost(tmp_path, tmp_path) as host, sqlite.PROVIDER.open(SqliteConfig(), host) as store:
            yield store


class TestPostgresql(CatalogStoreConformance):
    @pytest.fixture
    async def store(self, tmp_path: Path, catalog_url: str) -> AsyncIterator[CatalogStore]:
        config = PostgresqlConfig(url=SecretStr(catalog_url))
        async with MemoryHost(tmp_path, tmp_path) as host, postgresql.PROVIDER.open(config, host) as store:
            yield store
