"""What has to be so before the catalog opens; each refusal says what to do."""

import psycopg
from psycopg import errors

from ragstone_plugins.postgresql.facts import ServerFacts
from ragstone_plugins.postgresql.migrate import check_schema, check_server
from ragstone_plugins.postgresql.pool import connection_string
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.errors import StartError


async def check(config: PostgresqlConfig) -> ServerFacts:
    """Look before the pool does, which would only tell that it took too long. Raises `StartError`."""
    try:
        connection = await psycopg.AsyncConnection.connect(connection_string(config), prepare_threshold=None)
    except psycopg.Error as error:
        raise StartError(f"catalog.url: the database cannot be reached ({on_one_line(error)})") from error
    async with connection:
        check_server(connection)
        try:
            version = await _schema(connection)
            setting = await (await connection.execute("SHOW synchronous_commit")).fetchone()
        except psycopg.Error as error:
            raise refused(error) from error
        check_schema(version)
        return ServerFacts(version=connection.info.server_version, synced=setting is not None and setting[0] != "off")


async def _schema(connection: psycopg.AsyncConnection) -> str | None:
    try:
        async with connection.transaction():
            row = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchone()
    except errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])


def refused(error: BaseException) -> StartError:
    """Of a database that does not let us do what a server does."""
    told = f"the catalog's database cannot be written: {on_one_line(error)}"
    match error:
        case errors.InsufficientPrivilege():
            told += (
                "; connect as the role that ran `ragstone migrate`, or give this one SELECT, INSERT, UPDATE and DELETE on "
                "its tables"
            )
        case errors.ReadOnlySqlTransaction():
            told += "; name the primary: several hosts with `target_session_attrs=read-write` find it"
    return StartError(told)


def on_one_line(error: BaseException) -> str:
    """What the database said."""
    return " ".join(str(error).split())
