"""Catalogs over a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from ragstone_plugins.postgresql.migrate import migrate
from ragstone_plugins.postgresql.plugin import PROVIDER
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.testing.memory.host import MemoryHost
from tests.services.postgresql import PostgreSQL

OpenStore = Callable[..., AbstractAsyncContextManager[CatalogStore]]
"""Opens a store over a URL, with further settings: a process of its own, as far as the database can tell."""


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    """Opens stores."""

    @asynccontextmanager
    async def opened(url: str, **settings: float | bool) -> AsyncIterator[CatalogStore]:
        config = PostgresqlConfig(url=SecretStr(url), **settings)  # type: ignore[arg-type]
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(config, host) as store:
            yield store

    return opened


@pytest.fixture
def own_url(postgresql_server: PostgreSQL) -> str:
    """Of a catalog in a server that may be killed."""
    asyncio.run(migrate(PostgresqlConfig(url=SecretStr(postgresql_server.url))))
    return postgresql_server.url
