"""The door: offers the catalog store `postgresql`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_catalog(config: PostgresqlConfig, host: Host) -> AsyncIterator[CatalogStore]:
    """Open the database, whose schema has to be the present one. Raises `StartError`."""
    from ragstone_plugins.postgresql.store import open_store

    async with open_store(config, host) as store:
        yield store


async def migrate_catalog(config: PostgresqlConfig) -> str:
    """Bring the schema to the present version, under a lock; tell what was done. Raises `StartError`."""
    from ragstone_plugins.postgresql.migrate import migrate

    return await migrate(config)


async def give_new_epoch(config: PostgresqlConfig, data_dir: Path) -> str:
    """Give a restored database another epoch; tell what was done. Raises `StartError`."""
    from ragstone_plugins.postgresql.epoch import new_epoch

    return await new_epoch(config)


PROVIDER: Provider[CatalogStore, PostgresqlConfig] = Provider(
    name="postgresql",
    summary="one database for many servers (PostgreSQL 13 or newer)",
    config=PostgresqlConfig,
    open=open_catalog,
    migrate=migrate_catalog,
    new_epoch=give_new_epoch,
)


@hookimpl
def ragstone_catalogs() -> Iterable[Provider[CatalogStore, Any]]:
    """Offer the PostgreSQL catalog."""
    return (PROVIDER,)
