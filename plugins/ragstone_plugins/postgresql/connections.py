"""The pool of connections, and transactions over it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from ragstone_plugins.postgresql.facts import ServerFacts
from ragstone_plugins.postgresql.failures import told
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.critical import to_the_end

Connection = AsyncConnection[DictRow]
Parameters = Sequence[Any] | Mapping[str, Any]
Statement = tuple[str, Parameters]

PREPARE_AFTER = 5
"""Executions after which a statement is prepared, where that is on."""
_TRANSACTION_TIMEOUT_SINCE = 170000
MOST_WAITING = 1000
"""Callers that wait for a connection; further ones are refused."""

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
    """Statements of one transaction, each answered in time.

    While it waits for us, the database ends it after `idle_in_transaction_seconds`. It does not do so behind a pipeline, so
    the last statement that is sent is never part of one, but at the commit.
    """

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._last: Callable[[], Iterable[Statement]] = tuple

    async def run(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """The rows of a statement."""
        async with asyncio.timeout(self._timeout_s):
            return await _rows(await self._connection.execute(statement, parameters, binary=True))

    async def together(self, *statements: Statement) -> list[list[DictRow]]:
        """The rows of several statements, sent in two round trips."""
        *first, last = statements
        return [*await self._piped(first), await self.run(*last)]

    def before_commit(self, statements: Callable[[], Iterable[Statement]]) -> None:
        """Name what is still to be sent with the commit."""
        self._last = statements

    async def begin(self, how: str) -> None:
        """Begin it; several statements in one text are one round trip."""
        async with asyncio.timeout(self._timeout_s):
            await self._connection.execute(how)

    async def commit(self) -> None:
        """Send what is left, and commit: one round trip."""
        await self._piped([*self._last(), ("COMMIT", ())])

    async def roll_back(self) -> None:
        """Undo everything."""
        await self.begin("ROLLBACK")

    async def _piped(self, statements: Sequence[Statement]) -> list[list[DictRow]]:
        async with asyncio.timeout(self._timeout_s):
            async with self._connection.pipeline():
                cursors = [await self._connection.execute(*statement, binary=True) for statement in statements]
            return [await _rows(cursor) for cursor in cursors]


class Database:
    """Statements of one round trip, and transactions."""

    def __init__(self, pool: AsyncConnectionPool[Connection], config: PostgresqlConfig, facts: ServerFacts) -> None:
        self._pool = pool
        self._timeout_s = config.timeout_seconds
        self._begin = "; ".join(("BEGIN", *_bounds(config, facts)))

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
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction.

        Committed when the context is left without an error, otherwise rolled back; neither is cut short by cancelling.
        """
        async with self._begun(self._begin) as transaction:
            yield transaction

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """A transaction that reads: all that it reads is of one instant."""
        async with self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as transaction:
            yield transaction

    @asynccontextmanager
    async def _begun(self, begin: str) -> AsyncIterator[Transaction]:
        with told():
            async with self._pool.connection() as connection:
                transaction = Transaction(connection, self._timeout_s)
                try:
                    await transaction.begin(begin)
                    yield transaction
                    await to_the_end(transaction.commit())
                except BaseException as error:
                    await to_the_end(_abandon(transaction, connection, error))
                    raise

    async def _run(self, statement: str, parameters: Parameters) -> list[DictRow]:
        async with asyncio.timeout(self._timeout_s), self._pool.connection() as connection:
            return await _rows(await connection.execute(statement, parameters, binary=True))


async def _abandon(transaction: Transaction, connection: Connection, error: BaseException) -> None:
    """Roll back. Where nothing answers the connection is closed, and the database rolls back by itself."""
    if connection.closed:
        return
    try:
        if isinstance(error, TimeoutError):
            await connection.close()
        else:
            await transaction.roll_back()
    except (psycopg.Error, TimeoutError):
        await connection.close()


async def _rows(cursor: AsyncCursor[DictRow]) -> list[DictRow]:
    return await cursor.fetchall() if cursor.description is not None else []


def _bounds(config: PostgresqlConfig, facts: ServerFacts) -> Iterator[str]:
    """Settings of each transaction. They are its own, so that a pooler of transactions does not hand them on."""
    milliseconds = {
        "lock_timeout": config.lock_seconds,
        "idle_in_transaction_session_timeout": config.idle_in_transaction_seconds,
    }
    if facts.version >= _TRANSACTION_TIMEOUT_SINCE:
        # A process that freezes in the middle of sending is not idle to the database.
        milliseconds["transaction_timeout"] = 2 * (config.timeout_seconds + config.idle_in_transaction_seconds)
    for name, seconds in milliseconds.items():
        yield f"SET LOCAL {name} = {int(seconds * 1000)}"
    if not facts.synced:
        yield "SET LOCAL synchronous_commit = on"  # P1: what is committed is on disk
