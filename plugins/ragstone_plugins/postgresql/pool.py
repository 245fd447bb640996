"""The pool of connections. Who takes one gets one that is alive, as far as can be known without asking."""

import asyncio
import logging
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.errors import StartError

Connection = AsyncConnection[DictRow]

PREPARE_AFTER = 5
"""Executions after which a statement is prepared, where that is on."""
MOST_WAITING = 1000
"""Callers that wait for a connection; further ones are refused."""
RECONNECT_S = 1.0
"""How long the pool itself tries to replace a connection, ever more rarely. Who waits asks anew so often, which begins it anew."""
AWAY_S = 2.0
"""Longest wait for a connection where the database is known to be away."""
UNLESS_SAID: dict[str, str | int] = {
    "application_name": "ragstone",
    # A peer that is gone without a word, after a failure of the network, is noticed within a minute.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""Parameters of libpq, where the URL says nothing else."""

# The pool tells every failed try; the store tells its callers.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class NoAnswer(psycopg.OperationalError):
    """The database did not answer in time."""


class Pool:
    """At most `max_connections`; they commit by themselves but within a `BEGIN`."""

    def __init__(self, config: PostgresqlConfig) -> None:
        self._patience_s = config.connect_timeout_seconds
        self._down = False
        self._pool = AsyncConnectionPool(
            connection_string(config),
            connection_class=AsyncConnection[DictRow],
            min_size=config.min_connections,
            max_size=config.max_connections,
            max_waiting=MOST_WAITING,
            reconnect_timeout=min(RECONNECT_S, config.connect_timeout_seconds),
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "prepare_threshold": PREPARE_AFTER if config.prepared_statements else None,
            },
            configure=self._connected,
            reconnect_failed=self._gave_up,
            open=False,
            name="catalog",
        )

    async def open(self) -> None:
        """Begin to connect."""
        await self._pool.open()

    async def close(self) -> None:
        """Close the connections that are free now, others when they are given back."""
        await self._pool.close()

    async def take(self) -> Connection:
        """A free connection, to be given back. Raises `PoolTimeout`, early where the database is known to be away."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (min(AWAY_S, self._patience_s) if self._down else self._patience_s)
        while True:
            left = until - loop.time()
            try:
                with no_cancellation_lost() as lost:
                    connection = await self._pool.getconn(timeout=min(RECONNECT_S, left))
                    if lost():
                        await self.give(connection)
            except PoolTimeout:
                if left <= RECONNECT_S:
                    raise
            else:
                if not _has_word(connection):
                    return connection
                # Nothing was asked: it says that it ends, as after a restart of the database.
                await self.drop(connection)

    async def give(self, connection: Connection) -> None:
        """Let others use it; one that is not as it was taken is closed."""
        if connection.info.transaction_status == TransactionStatus.IDLE:
            self._down = False
        else:
            await connection.close()
        await self._pool.putconn(connection)

    async def drop(self, connection: Connection) -> None:
        """Replace it by a new one."""
        await connection.close()
        await self._pool.putconn(connection)

    async def _connected(self, connection: Connection) -> None:
        self._down = False

    async def _gave_up(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._down = True


def connection_string(config: PostgresqlConfig) -> str:
    """The URL, with what it does not say of what every connection is told. Raises `StartError`."""
    url = config.url.get_secret_value()
    try:
        said = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Not what libpq says of it, nor as a cause: that may be a part of the password.
        raise StartError(
            "catalog.url: libpq cannot read it; in user and password write % as %25, @ as %40, : as %3A and / as %2F"
        ) from None
    ours = {key: value for key, value in UNLESS_SAID.items() if key not in said}
    ours["connect_timeout"] = max(2, int(config.connect_timeout_seconds))
    return make_conninfo(url, **ours)


@contextmanager
def in_time(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut the connection where what is asked within takes longer. Raises `NoAnswer`.

    Cancelling would have psycopg ask the database to stop, and wait for that; one that is frozen does neither.
    """
    cut = False

    def cut_off() -> None:
        nonlocal cut
        cut = True
        with suppress(OSError, psycopg.Error):
            line = socket.socket(fileno=connection.fileno())
            try:
                line.shutdown(socket.SHUT_RDWR)  # whoever waits for an answer gets an error
            finally:
                line.detach()

    timer = asyncio.get_running_loop().call_later(seconds, cut_off)
    try:
        with no_cancellation_lost():
            yield
    except psycopg.Error as error:
        if cut:
            raise NoAnswer("the database did not answer in time") from error
        raise
    finally:
        timer.cancel()


@contextmanager
def no_cancellation_lost() -> Iterator[Callable[[], bool]]:
    """Raise the cancellation that came meanwhile and was lost; gives what tells of it before.

    psycopg and its pool wait by `asyncio.wait_for`, which in Python 3.11 returns its result where that and a cancellation
    come at once. A task that is cancelled in order to end would go on.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()

    def lost() -> bool:
        return task.cancelling() > before

    yield lost
    if lost():
        raise asyncio.CancelledError


def _has_word(connection: Connection) -> bool:
    """Whether something can be read from it, its end included."""
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
    except psycopg.OperationalError:  # it is closed
        return True
    return bool(poll.poll(0))
