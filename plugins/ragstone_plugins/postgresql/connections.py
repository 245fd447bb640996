"""Statements over the pool: reads of one round trip, and transactions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import psycopg
from psycopg import AsyncCursor, errors
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from ragstone_plugins.postgresql.facts import ServerFacts
from ragstone_plugins.postgresql.failures import told
from ragstone_plugins.postgresql.pool import Connection, NoAnswer, Pool, in_time
from ragstone_plugins.postgresql.portions import Parameters, Statement, portions
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.errors import Overloaded

__all__ = ["Database", "Parameters", "Statement", "Transaction"]

# Whatever the database has as its default: a position is read from the row as it is once its lock is held.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TRANSACTION_TIMEOUT_SINCE = 170000
RESERVED = 4
"""One in so many connections is kept for reads: transactions that wait for each other do not hold up questions."""

_AFTER_LOSS_S = (0.01, 0.1)
"""Before asking again, and before the last time."""

ResultT = TypeVar("ResultT")


class _Lost(psycopg.OperationalError):
    """The connection ended before its answer."""


class Transaction:
    """Statements of one transaction, each answered in time.

    While it waits for us, the database ends it after `idle_in_transaction_seconds`. It does not do so behind a pipeline, so
    the last statement that is sent is never part of one, but at the commit.
    """

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self.connection = connection
        self.at_commit: list[list[DictRow]] = []
        """The rows of what was sent with the commit."""
        self._timeout_s = timeout_s
        self._failed = False
        self._last: Callable[[], Iterable[Statement]] | None = None

    async def run(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """The rows of a statement."""
        with self._asking():
            return await _rows(await self.connection.execute(statement, parameters, binary=True))

    async def together(self, *statements: Statement) -> list[list[DictRow]]:
        """The rows of several statements, sent in two round trips."""
        *first, last = statements
        cursors = await self._piped(first) if first else []
        return [*[await _rows(cursor) for cursor in cursors], await self.run(*last)]

    async def send(self, statements: Iterable[Statement]) -> None:
        """Send statements without rows, a portion at a time."""
        async for portion in portions(statements):
            await self.together(*portion)

    def before_commit(self, statements: Callable[[], Iterable[Statement]]) -> None:
        """Name what is still to be sent with the commit."""
        self._last = statements

    async def begin(self, how: str) -> None:
        """Begin it; several statements in one text are one round trip."""
        with self._asking():
            await self.connection.execute(how)

    async def commit(self) -> None:
        """Send what is left, and commit: one round trip, and two for each portion before. Return when it is on disk."""
        if self._failed:
            # PostgreSQL itself would answer with a rollback and without an error, and not even so where psycopg refused.
            raise errors.InFailedSqlTransaction("a statement of the transaction had failed; nothing was committed")
        last: Sequence[Statement] = ()
        if self._last is not None:
            async for portion in portions(self._last()):
                if last:
                    await self.together(*last)
                last = portion
        *cursors, _ = await self._piped([*last, ("COMMIT", ())])
        self.at_commit = [await _rows(cursor) for cursor in cursors]

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
                await self.begin("ROLLBACK")
        except psycopg.Error:
            await connection.close()

    async def _piped(self, statements: Sequence[Statement]) -> list[AsyncCursor[DictRow]]:
        with self._asking():
            async with self.connection.pipeline():
                return [await self.connection.execute(*statement, binary=True) for statement in statements]

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with in_time(self.connection, self._timeout_s):
                yield
        except BaseException:
            self._failed = True
            raise


class Database:
    """What is read and written; failures are told as `failures` has them."""

    def __init__(self, pool: Pool, config: PostgresqlConfig, facts: ServerFacts) -> None:
        self._pool = pool
        self._timeout_s = config.answer_seconds
        self._patience_s = config.connect_timeout_seconds
        bounds = list(_bounds(config, facts))
        self._begin = "; ".join((_BEGIN, *bounds))
        self._begin_snapshot = "; ".join((_BEGIN_SNAPSHOT, *bounds))
        self._places = asyncio.Semaphore(config.max_connections - max(1, config.max_connections // RESERVED))

    async def read(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """All rows of one statement that changes nothing, in one round trip: tried again where the connection was lost."""
        with told():
            return await _persistently(lambda: self._read(statement, parameters))

    async def write(self, statement: str, parameters: Parameters = ()) -> list[DictRow]:
        """All rows of one statement, committed when it returns."""
        async with self.transaction() as transaction:
            transaction.before_commit(lambda: [(statement, parameters)])
        return transaction.at_commit[0]

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
        async with self._begun(self._begin_snapshot) as transaction:
            yield transaction

    @asynccontextmanager
    async def _begun(self, begin: str) -> AsyncIterator[Transaction]:
        with told():
            await self._find_place()
            try:
                transaction = await self._new(begin)
                try:
                    yield transaction
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

    async def _new(self, begin: str) -> Transaction:
        """It has done nothing yet: where the connection was lost it is begun on another."""
        return await _persistently(lambda: self._try_to_begin(begin))

    async def _try_to_begin(self, begin: str) -> Transaction:
        transaction = Transaction(await self._pool.take(), self._timeout_s)
        try:
            await transaction.begin(begin)
        except BaseException as error:
            await to_the_end(transaction.abandon(error))
            await self._pool.give(transaction.connection)
            _tell_lost(transaction.connection, error)
            raise
        return transaction

    async def _read(self, statement: str, parameters: Parameters) -> list[DictRow]:
        connection = await self._pool.take()
        try:
            with in_time(connection, self._timeout_s):
                return await _rows(await connection.execute(statement, parameters, binary=True))
        except psycopg.Error as error:
            _tell_lost(connection, error)
            raise
        finally:
            await self._pool.give(connection)


async def _persistently(ask: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Ask again on another connection where one was lost. Those of a pool go together, and not all of them say so at once."""
    for pause in _AFTER_LOSS_S:
        try:
            return await ask()
        except _Lost:
            await asyncio.sleep(pause)
    return await ask()


async def _rows(cursor: AsyncCursor[DictRow]) -> list[DictRow]:
    return await cursor.fetchall() if cursor.description is not None else []


def _tell_lost(connection: Connection, error: BaseException) -> None:
    """Raises `_Lost` where it was the end of the connection."""
    if not isinstance(error, psycopg.Error) or isinstance(error, NoAnswer):
        return
    if connection.closed or error.diag.severity_nonlocalized == "FATAL":
        raise _Lost(*error.args) from error


def _bounds(config: PostgresqlConfig, facts: ServerFacts) -> Iterator[str]:
    """Settings of each transaction. They are its own, so that a pooler of transactions does not hand them on."""
    seconds = {
        "lock_timeout": min(config.lock_seconds, config.answer_seconds / 2),
        # A little earlier than we cut the connection, which then stays of use.
        "statement_timeout": config.answer_seconds * 0.9,
        "idle_in_transaction_session_timeout": config.idle_in_transaction_seconds,
    }
    if facts.version >= _TRANSACTION_TIMEOUT_SINCE:
        # A process that freezes in the middle of sending is not idle to the database.
        seconds["transaction_timeout"] = 2 * (config.answer_seconds + config.idle_in_transaction_seconds)
    for name, value in seconds.items():
        yield f"SET LOCAL {name} = {max(1, int(value * 1000))}"
    if not facts.synced:
        yield "SET LOCAL synchronous_commit = on"  # P1: what is committed is on disk
