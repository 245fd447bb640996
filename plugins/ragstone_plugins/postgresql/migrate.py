"""The schema of the database: checked at every start, changed by `ragstone migrate` alone."""

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors

from ragstone_plugins.postgresql.pool import connection_string
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.errors import StartError

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCHEMA = "0004"
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
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    def connect() -> psycopg.Connection:
        connection = psycopg.connect(connection_string(config), prepare_threshold=None)
        check_server(connection)
        return connection

    alembic = Config()
    alembic.set_main_option("script_location", "ragstone_plugins.postgresql:migrations")
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    try:
        # The schema changes as a whole, or not at all. The lock is the transaction's, so that it holds behind a pooler too;
        # who comes second waits for it, and finds nothing to do.
        with engine.begin() as transaction:
            transaction.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            stored = _stored(transaction)
            if stored is not None and stored >= SCHEMA:
                check_schema(stored)
                return f"the catalog has schema {stored} already; nothing was done"
            alembic.attributes["connection"] = transaction
            command.upgrade(alembic, "head")
    except (psycopg.Error, SQLAlchemyError, CommandError) as error:
        cause = getattr(error, "orig", None) or error
        told = f"the catalog's database cannot be migrated: {' '.join(str(cause).split())}"
        if isinstance(cause, errors.InsufficientPrivilege):
            told += "; migrate as the role that owns the database, or the tables"
        raise StartError(told) from error
    finally:
        engine.dispose()
    return f"the catalog was migrated from {stored or 'nothing'} to schema {SCHEMA}"


def _stored(transaction: "Connection") -> str | None:
    if transaction.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return None
    version = transaction.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if version is None else str(version)
