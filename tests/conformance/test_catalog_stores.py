"""Every catalog store passes the suite of its kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[CatalogStore]:
    config = PostgresqlConfig(url=SecretStr(url))
    async with MemoryHost(folder, folder) as host, postgresql.PROVIDER.open(config, host) as store:
        yield store


class TestPostgresql(CatalogStoreConformance):
    @pytest.fixture
    async def store(self, tmp_path: Path, catalog_url: str) -> AsyncIterator[CatalogStore]:
        async with opened(catalog_url, tmp_path) as store:
            yield store


class TestPostgresqlBehindPooler(CatalogStoreConformance):
    """What is bound to a session does not hold from one transaction to the next."""

    @pytest.fixture
    async def store(self, tmp_path: Path, pooled_catalog_url: str) -> AsyncIterator[CatalogStore]:
        async with opened(pooled_catalog_url, tmp_path) as store:
            yield store
