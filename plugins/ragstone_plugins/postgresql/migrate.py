"""The schema of the database: checked at every start, changed by `ragstone migrate` alone."""

import asyncio
from typing import Any

import psycopg
from psycopg import errors

from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.errors import StartError

SCHEMA = "0001"
"""The newest revision in `migrations/versions`; revisions are numbers of four digits, so that they compare as text."""

OLDEST_SERVER = 130000
LOCK = 0x7261_6773_746F_6E65
"""Of `pg_advisory_lock`; all who migrate take it."""


def check_schema(stored: str | None) -> None:
    """Refuse a schema that is not the present one. Raises `StartError`."""
    if stored is None or stored < SCHEMA:
        found = "no catalog yet" if stored is None else f"a catalog of schema {stored}"
        raise StartError(f"the database has {found}, and this program needs {SCHEMA}: run `ragstone migrate` once")
    if stored > SCHEMA:
        raise StartError(
            f"the catalog was migrated by a newer Ragstone: its schema is {stored}, and this program knows {SCHEMA}; "
            "start the newer version, or restore a backup from before the upgrade"
        )


def check_server(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Refuse what the catalog cannot be kept in. Raises `StartError`."""
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise StartError(f"the database is PostgreSQL {version // 10000}; Ragstone needs 13 or newer")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StartError(f"the database's encoding is {encoding}; make one with ENCODING 'UTF8'")


async def migrate(config: PostgresqlConfig) -> str:
    """Bring the schema to the present version; tell what was done. Raises `StartError`."""
    return await asyncio.to_thread(_migrate, config)


def _migrate(config: PostgresqlConfig) -> str:
    try:
        with psycopg.connect(
            config.url.get_secret_value(),
            connect_timeout=max(2, int(config.connect_timeout_seconds)),
            prepare_threshold=None,
        ) as connection:
            check_server(connection)
            # Of the transaction, so that it is let go of with it, behind a pooler too. The second who comes waits.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            stored = _stored(connection)
            if stored is not None and stored >= SCHEMA:
                check_schema(stored)
                return f"the catalog has schema {stored} already; nothing was done"
            _upgrade(connection)
            return f"the catalog was migrated from {stored or 'nothing'} to schema {SCHEMA}"
    except psycopg.Error as error:
        raise StartError(f"the catalog's database cannot be migrated: {error}".strip()) from error


def _stored(connection: psycopg.Connection) -> str | None:
    try:
        with connection.transaction():
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])


def _upgrade(connection: psycopg.Connection) -> None:
    """All revisions in the connection's transaction: the schema changes as a whole, or not at all."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import StaticPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    config = Config()
    config.set_main_option("script_location", "ragstone_plugins.postgresql:migrations")
    try:
        with engine.connect() as shared:
            config.attributes["connection"] = shared
            command.upgrade(config, "head")
            shared.commit()
    except (SQLAlchemyError, CommandError) as error:
        raise StartError(f"the catalog could not be migrated to schema {SCHEMA} ({error})") from error
    finally:
        engine.dispose()
