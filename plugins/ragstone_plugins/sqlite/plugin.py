"""Offers the catalog in SQLite."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from ragstone_plugins.sqlite.connections import opened
from ragstone_plugins.sqlite.fences import Fences
from ragstone_plugins.sqlite.migrate import migrate
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_plugins.sqlite.store import SqliteCatalogStore
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider


@asynccontextmanager
async def open_store(config: SqliteConfig, host: Host) -> AsyncIterator[CatalogStore]:
    """Open the file, made and migrated where it has to be."""
    path = config.path or host.data_dir / "catalog" / "catalog.sqlite3"
    await asyncio.to_thread(_prepare, path)
    async with opened(path, config) as (writer, readers):
        meta = await writer.run(lambda connection: dict(connection.execute("SELECT key, value FROM meta").fetchall()))
        yield SqliteCatalogStore(writer, readers, host, str(meta["epoch"]), Fences(bytes(meta["fence_key"])))


def _prepare(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"catalog.path: {path.parent} cannot be made ({error.strerror})") from error
    migrate(path)


SQLITE: Provider[CatalogStore, SqliteConfig] = Provider(
    name="sqlite", summary="one file, nothing to install", config=SqliteConfig, open=open_store
)


@hookimpl
def ragstone_catalogs() -> Iterable[Provider[CatalogStore, SqliteConfig]]:
    """Offer the SQLite catalog."""
    return (SQLITE,)
