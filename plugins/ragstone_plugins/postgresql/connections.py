"""Statements over the pool: reads of one round trip, and transactions."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from ragstone_plugins.postgresql.failures import told
from ragstone_plugins.postgresql.pool import Connection, NoAnswer, Pool, in_time
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.errors import Overloaded

Parameters = Sequence[Any] | Mapping[str, Any]
Statement = tuple[str, Parameters]

# Whatever the database has as its default: a position is read from the row as it is once its lock is held, and what a
# transaction reads after that lock may be newer than its beginning.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BOUNDS = (
    "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true), "
    "set_config('idle_in_transaction_session_timeout', %s, true), "
    # P1: what is committed is on disk, whatever the database's own settings say.
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
    "ELSE current_setting('synchronous_commit') END, true)"
)
RESERVED = 4
"""One in so many connections is kept for reads: transactions that wait for each other do not hold up questions."""


class _Lost(psycopg.OperationalError):
    """The connection ended before its answer."""


class Transaction:
    """Statements of one transaction, each answered in time."""

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self.connection = connection
        self._timeout_s = timeout_s

    async def run(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """The rows of a statement."""
        return (await self.together((statement, parameters)))[-1]

    async def together(self, *statements: Statement) -> list[list[DictRow]]:
        """The rows of several statements, sent at once: one round trip."""
        with in_time(self.connection, self._timeout_s):
            async with self.connection.pipeline():
                cursors = [await self.connection.execute(*statement, binary=True) for statement in statements]
            return [await cursor.fetchall() if cursor.description is not None else [] for cursor in cursors]

    async def commit(self) -> None:
        """Return when it is on disk."""
        with in_time(self.connection, self._timeout_s):
            cursor = await self.connection.execute("COMMIT")
        if cursor.statusmessage != "COMMIT":
            # PostgreSQL answers with a rollback, and without an error.
            raise errors.InFailedSqlTransaction("a statement of the transaction had failed; nothing was committed")

    async def abandon(self, error: BaseException) -> None:
        """Roll back. Where nothing answers the connection is closed, and the database rolls back by itself."""
        connection = self.connection
        if connection.closed or connection.info.transaction_status == TransactionStatus.IDLE:
            return
        try:
            if isinstance(error, errors.ReadOnlySqlTransaction):
                # What it leads to became a replica; a new connection may lead to what takes writes.
                await connection.close()
            else:
                with in_time(connection, self._timeout_s):
                    await connection.execute("ROLLBACK")
        except psycopg.Error:
            await connection.close()


class Database:
    """What is read and written; failures are told as `failures` has them."""

    def __init__(self, pool: Pool, config: PostgresqlConfig) -> None:
        self._pool = pool
        self._timeout_s = config.timeout_seconds
        self._patience_s = config.connect_timeout_seconds
        # The database ends what takes too long a little earlier than we cut the connection, which then stays of use.
        lock_s = min(config.lock_seconds, config.timeout_seconds / 2)
        bounds = lock_s, config.timeout_seconds * 0.9, config.idle_in_transaction_seconds
        self._bounds: Statement = _BOUNDS, [f"{max(1, int(s * 1000))}ms" for s in bounds]
        self._places = asyncio.Semaphore(config.max_connections - max(1, config.max_connections // RESERVED))

    async def read(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """All rows of one statement that changes nothing, in one round trip: tried once more where the connection was lost."""
        with told():
            try:
                return await self._read(statement, parameters)
            except _Lost:
                return await self._read(statement, parameters)

    async def write(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """All rows of one statement, committed when it returns."""
        async with self.transaction((statement, parameters)) as (_, (rows,)):
            return rows

    @asynccontextmanager
    async def transaction(self, *first: Statement) -> AsyncIterator[tuple[Transaction, list[list[DictRow]]]]:
        """A transaction, with the rows of its first statements: one round trip for all.

        Committed when the context is left without an error, otherwise rolled back; neither is cut short by cancelling.
        """
        async with self._begun(_BEGIN, *first) as begun:
            yield begun

    @asynccontextmanager
    async def snapshot(self, *first: Statement) -> AsyncIterator[tuple[Transaction, list[list[DictRow]]]]:
        """A transaction that reads: all that it reads is of one instant."""
        async with self._begun(_BEGIN_SNAPSHOT, *first) as begun:
            yield begun

    @asynccontextmanager
    async def _begun(self, begin: str, *first: Statement) -> AsyncIterator[tuple[Transaction, list[list[DictRow]]]]:
        with told():
            await self._find_place()
            try:
                transaction, rows = await self._begin((begin, ()), self._bounds, *first)
                try:
                    yield transaction, rows[2:]
                    await to_the_end(transaction.commit())
                except BaseException as error:
                    await to_the_end(transaction.abandon(error))
                    raise
                finally:
                    await self._pool.give(transaction.connection)
            finally:
                self._places.release()

    async def _find_place(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise Overloaded("too many transactions wait for each other; try again", retry_after_s=1.0) from error

    async def _begin(self, *statements: Statement) -> tuple[Transaction, list[list[DictRow]]]:
        """Until its commit nothing is there: where the connection was lost it is begun once more."""
        try:
            return await self._try_to_begin(*statements)
        except _Lost:
            return await self._try_to_begin(*statements)

    async def _try_to_begin(self, *statements: Statement) -> tuple[Transaction, list[list[DictRow]]]:
        connection = await self._pool.take()
        transaction = Transaction(connection, self._timeout_s)
        try:
            return transaction, await transaction.together(*statements)
        except BaseException as error:
            await to_the_end(transaction.abandon(error))
            await self._pool.give(connection)
            _tell_lost(connection, error)
            raise

    async def _read(self, statement: str, parameters: Parameters) -> list[DictRow]:
        connection = await self._pool.take()
        try:
            with in_time(connection, self._timeout_s):
                cursor = await connection.execute(statement, parameters, binary=True)
            return await cursor.fetchall()
        except psycopg.Error as error:
            _tell_lost(connection, error)
            raise
        finally:
            await self._pool.give(connection)


def _tell_lost(connection: Connection, error: BaseException) -> None:
    """Raises `_Lost` where it was the end of the connection."""
    if not isinstance(error, psycopg.Error) or isinstance(error, NoAnswer):
        return
    if connection.closed or error.diag.severity_nonlocalized == "FATAL":
        raise _Lost(*error.args) from error
