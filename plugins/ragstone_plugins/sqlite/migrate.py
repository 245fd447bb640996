"""Brings the schema to the version that the program knows, and refuses one that it does not."""

import os
import sqlite3
from pathlib import Path

from ragstone_plugins.sqlite.connections import connect
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.errors import StartError

SCHEMA = "0006"
"""The newest revision in `migrations/versions`; revisions are numbers of four digits, so that they compare as text."""


def migrate(path: Path, config: SqliteConfig) -> None:
    """Make the file or migrate it where it has to be. Raises `StartError`.

    The version is read by plain SQL first: importing alembic takes longer than opening the catalog.
    """
    try:
        _make_directory(path.parent)
        connection = connect(path, config)
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"catalog.path: {path} cannot be opened as a catalog ({error})") from error
    try:
        _check_journal(path, connection)
        stored = _stored(path, connection)
        if stored > SCHEMA:
            raise StartError(
                f"the catalog {path} was written by a newer Ragstone: its schema is {stored}, and this program knows "
                f"{SCHEMA}; start the newer version again, or restore a backup from before the upgrade"
            )
        if stored < SCHEMA:
            _upgrade(path, connection)
    except sqlite3.Error as error:
        raise StartError(f"the catalog {path} cannot be read or migrated ({error})") from error
    finally:
        connection.close()


def _make_directory(directory: Path) -> None:
    """Make it so that it survives loss of power: the entry is in its parent, which SQLite does not sync."""
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    if os.name == "posix":
        descriptor = os.open(directory.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check_journal(path: Path, connection: sqlite3.Connection) -> None:
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":
        raise StartError(
            f"the catalog {path} lies where SQLite cannot keep a write-ahead log (journal mode {mode}); "
            "put server.data_dir on a local disk"
        )


def _stored(path: Path, connection: sqlite3.Connection) -> str:
    """The schema's revision; empty where nothing is there yet."""
    tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    row = None
    if "alembic_version" in tables:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None and tables - {"alembic_version"}:
        raise StartError(f"{path} is a database of another program; name another file in catalog.path")
    return "" if row is None else str(row["version_num"])


def _upgrade(path: Path, connection: sqlite3.Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import Connection, create_engine, event
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(transaction: Connection) -> None:
        # One transaction for all, taken before alembic looks: of two processes, the second finds nothing to do.
        transaction.exec_driver_sql("BEGIN IMMEDIATE")

    config = Config()
    config.set_main_option("script_location", "ragstone_plugins.sqlite:migrations")
    try:
        with engine.begin() as transaction:
            config.attributes["connection"] = transaction
            command.upgrade(config, "head")
    except (SQLAlchemyError, CommandError) as error:
        raise StartError(f"the catalog {path} could not be migrated to schema {SCHEMA} ({error})") from error
    finally:
        engine.dispose()
