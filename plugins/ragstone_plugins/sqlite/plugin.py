"""The door: offers the catalog store `sqlite`."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_catalog(config: SqliteConfig, host: Host) -> AsyncIterator[CatalogStore]:
    """Open the file, made and migrated where it has to be. Raises `StartError`."""
    from ragstone_plugins.sqlite.store import open_store

    async with open_store(config, host) as store:
        yield store


async def give_new_epoch(config: SqliteConfig, data_dir: Path) -> str:
    """Give a restored file another epoch; tell what was done. Raises `StartError`."""
    from ragstone_plugins.sqlite.epoch import new_epoch

    return await new_epoch(config, data_dir)


PROVIDER: Provider[CatalogStore, SqliteConfig] = Provider(
    name="sqlite",
    summary="one file, synced at every commit; nothing to install",
    config=SqliteConfig,
    open=open_catalog,
    new_epoch=give_new_epoch,
)


@hookimpl
def ragstone_catalogs() -> Iterable[Provider[CatalogStore, Any]]:
    """Offer the SQLite catalog."""
    return (PROVIDER,)
