"""A new epoch for a database that was restored from a backup."""

import uuid

import psycopg

from ragstone_plugins.postgresql.migrate import LOCK, check_schema, check_server
from ragstone_plugins.postgresql.pool import connection_string
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.errors import StartError

_CANCEL = """
    UPDATE operation SET state = 'cancelled', runner = '', epoch = epoch + 1, reason = 'OPERATION_CANCELLED',
        message = 'cancelled, since the catalog was restored from a backup'
    WHERE state IN ('waiting', 'running')
"""
# Views are noted as if they had all of it: until they do, they say that they are built anew.
_FOLLOWERS = "UPDATE follower SET durable = (SELECT head FROM collection WHERE key = follower.collection)"


async def new_epoch(config: PostgresqlConfig) -> str:
    """Give the catalog another epoch, and end its operations; tell what was done. Raises `StartError`."""
    epoch = str(uuid.uuid4())
    try:
        connection = await psycopg.AsyncConnection.connect(connection_string(config), prepare_threshold=None)
        async with connection:
            check_server(connection)
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            found = await connection.execute("SELECT version_num FROM alembic_version")
            row = await found.fetchone()
            check_schema(None if row is None else row[0])
            await connection.execute("UPDATE meta SET value = convert_to(%s, 'UTF8') WHERE key = 'epoch'", (epoch,))
            await connection.execute(_FOLLOWERS)
            ended = (await connection.execute(_CANCEL)).rowcount
    except psycopg.errors.UndefinedTable as error:
        raise StartError("the database has no catalog yet: run `ragstone migrate` once") from error
    except psycopg.Error as error:
        raise StartError(f"the catalog's epoch cannot be changed: {' '.join(str(error).split())}") from error
    return f"the catalog has the new epoch {epoch}; {ended} operations were cancelled"
