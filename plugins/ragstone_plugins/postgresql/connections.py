"""The pool of connections, and transactions over it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from ragstone_plugins.postgresql.failures import told
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.critical import to_the_end

Connection = AsyncConnection[DictRow]
Parameters = Sequence[Any] | Mapping[str, Any]

PREPARE_AFTER = 5
"""Executions after which a statement is prepared, where that is on."""
MOST_WAITING = 1000
"""Callers that wait for a connection; further ones are refused."""

_BOUNDS = (
    "SELECT set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', %s, true), "
    # P1: what is committed is on disk, whatever the database's own settings say.
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
    "ELSE current_setting('synchronous_commit') END, true)"
)

# The pool tells every failed try; the store tells its callers.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def make_pool(config: PostgresqlConfig) -> AsyncConnectionPool[Connection]:
    """The pool, not yet open. Its connections commit by themselves but within a `BEGIN`."""
    return AsyncConnectionPool(
        config.url.get_secret_value(),
        connection_class=AsyncConnection[DictRow],
        min_size=config.min_connections,
        max_size=config.max_connections,
        timeout=config.connect_timeout_seconds,
        max_waiting=MOST_WAITING,
        # Tries to connect that failed come ever more rarely; the next caller begins anew.
        reconnect_timeout=config.connect_timeout_seconds,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "prepare_threshold": PREPARE_AFTER if config.prepared_statements else None,
            "connect_timeout": max(2, int(config.connect_timeout_seconds)),
            "application_name": "ragstone",
        },
        open=False,
        name="catalog",
    )


class Transaction:
    """Statements of one transaction, each answered in time."""

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    async def run(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """The rows of a statement."""
        return (await self.together((statement, parameters)))[-1]

    async def together(self, *statements: tuple[str, Parameters]) -> list[list[DictRow]]:
        """The rows of several statements, sent at once: one round trip."""
        async with asyncio.timeout(self._timeout_s):
            async with self._connection.pipeline():
                cursors = [await self._connection.execute(*statement, binary=True) for statement in statements]
            return [await cursor.fetchall() if cursor.description is not None else [] for cursor in cursors]


class Database:
    """Statements of one round trip, and transactions."""

    def __init__(self, pool: AsyncConnectionPool[Connection], config: PostgresqlConfig) -> None:
        self._pool = pool
        self._timeout_s = config.timeout_seconds
        self._bounds = [f"{int(s * 1000)}ms" for s in (config.lock_seconds, config.idle_in_transaction_seconds)]

    async def read(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """All rows of one statement that changes nothing: tried once more where the pool's connection was dead."""
        with told():
            try:
                return await self._run(statement, parameters)
            except psycopg.OperationalError:
                await self._pool.check()
                return await self._run(statement, parameters)

    async def write(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """All rows of one statement, committed when it returns."""
        with told():
            return await self._run(statement, parameters)

    @asynccontextmanager
    async def transaction(
        self, *first: tuple[str, Parameters]
    ) -> AsyncIterator[tuple[Transaction, list[list[DictRow]]]]:
        """A transaction, with the rows of its first statements: one round trip for all.

        Committed when the context is left without an error, otherwise rolled back; neither is cut short by cancelling.
        """
        async with self._begun("BEGIN", (_BOUNDS, self._bounds), *first) as (transaction, rows):
            yield transaction, rows[2:]

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """A transaction that reads: all that it reads is of one instant."""
        async with self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as (transaction, _):
            yield transaction

    @asynccontextmanager
    async def _begun(
        self, begin: str, *first: tuple[str, Parameters]
    ) -> AsyncIterator[tuple[Transaction, list[list[DictRow]]]]:
        with told():
            async with self._pool.connection() as connection:
                transaction = Transaction(connection, self._timeout_s)
                try:
                    yield transaction, await transaction.together((begin, ()), *first)
                    await to_the_end(transaction.run("COMMIT"))
                except BaseException as error:
                    await to_the_end(_abandon(transaction, connection, error))
                    raise

    async def _run(self, statement: str, parameters: Parameters) -> list[DictRow]:
        async with asyncio.timeout(self._timeout_s), self._pool.connection() as connection:
            cursor = await connection.execute(statement, parameters, binary=True)
            return await cursor.fetchall() if cursor.description is not None else []


async def _abandon(transaction: Transaction, connection: Connection, error: BaseException) -> None:
    """Roll back. Where nothing answers the connection is closed, and the database rolls back by itself."""
    if connection.closed:
        return
    try:
        if isinstance(error, TimeoutError):
            await connection.close()
        else:
            await transaction.run("ROLLBACK")
    except (psycopg.Error, TimeoutError):
        await connection.close()
