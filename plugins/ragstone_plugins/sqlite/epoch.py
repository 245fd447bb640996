"""A new epoch for a catalog that was put in place by hand."""

import asyncio
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

from ragstone_plugins.sqlite.connections import connect
from ragstone_plugins.sqlite.migrate import migrate
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.errors import StartError

_CANCEL = """
    UPDATE operation SET state = 'cancelled', runner = '', epoch = epoch + 1, reason = 'OPERATION_CANCELLED',
        message = 'cancelled, since the catalog was restored from a backup'
    WHERE state IN ('waiting', 'running')
"""
# Views are noted as if they had all of it: until they do, they say that they are built anew.
_FOLLOWERS = "UPDATE follower SET durable = (SELECT head FROM collection WHERE key = follower.collection)"


async def new_epoch(config: SqliteConfig, data_dir: Path) -> str:
    """Give the catalog another epoch, and end its operations; tell what was done. No server has it open. Raises `StartError`."""
    path = catalog_path(config, data_dir)
    if not path.exists():
        raise StartError(f"there is no catalog {path}; name its directory with --data-dir")
    return await asyncio.to_thread(_new_epoch, path, config)


def catalog_path(config: SqliteConfig, data_dir: Path) -> Path:
    """Where the catalog lies."""
    return config.path or data_dir / "catalog" / "catalog.sqlite3"


def _new_epoch(path: Path, config: SqliteConfig) -> str:
    migrate(path, config)
    epoch = str(uuid.uuid4())
    try:
        with closing(connect(path, config)) as connection:
            connection.execute("BEGIN IMMEDIATE").close()
            connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,)).close()
            ended = connection.execute(_CANCEL).rowcount
            connection.execute(_FOLLOWERS).close()
            connection.execute("COMMIT").close()
    except sqlite3.Error as error:
        raise StartError(f"the epoch of the catalog {path} cannot be changed ({error})") from error
    return f"the catalog has the new epoch {epoch}; {ended} operations were cancelled"
