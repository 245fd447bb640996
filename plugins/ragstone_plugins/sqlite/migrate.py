"""Brings the schema to the version that the program knows, and refuses one that it does not."""

import sqlite3
from pathlib import Path

from ragstone_server.spi.errors import StartError

REVISIONS = ("0001",)
"""Every version of the schema, the oldest first; the last is the one that the program needs."""


def migrate(path: Path) -> None:
    """Migrate the file where it has to be. Raises `StartError` for a newer schema, and for a file that is no catalog.

    The version is read by plain SQL first: alembic is not imported where there is nothing to do.
    """
    current = _current(path)
    if current == REVISIONS[-1]:
        return
    if current is not None and current not in REVISIONS:
        raise StartError(
            f"the catalog {path} has the schema {current}, which is newer than this program knows "
            f"({REVISIONS[-1]}); install a newer Ragstone, or restore a snapshot of an older catalog"
        )
    _upgrade(path)


def _current(path: Path) -> str | None:
    connection = sqlite3.connect(path)
    try:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise StartError(f"{path} is not a catalog, or is damaged ({error})") from error
    finally:
        connection.close()
    return None if row is None else str(row[0])


def _upgrade(path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import Connection, create_engine, event

    engine = create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None})

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
