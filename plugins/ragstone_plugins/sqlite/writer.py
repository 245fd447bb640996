"""The one connection that writes, in a thread of its own."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from ragstone_plugins.sqlite.connections import connect
from ragstone_plugins.sqlite.failures import told
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.failpoints import FailPoint, reach

ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")

logger = logging.getLogger(__name__)


class Writer:
    """Runs transactions one after the other; SQLite has room for one writer."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, path: Path, wal_bytes: int) -> None:
        self._connection = connection
        self._thread = thread
        self._wal = path.with_name(f"{path.name}-wal")
        self._wal_bytes = wal_bytes
        self._lock = asyncio.Lock()
        self._held = 0
        """How many copies of the catalog are being made: each needs the log as it is."""

    @asynccontextmanager
    async def transaction(self, *, documents: bool = False) -> AsyncIterator[None]:
        """Commit when the context is left without an error, otherwise roll back; neither is cut short by cancelling.

        `documents`: whether it passes the fail points; the transactions that carry documents do, so that a test can count.
        """
        async with self._lock:
            try:
                await self.run(_begin)
                yield
                await to_the_end(self.run(self._commit, documents))
            except BaseException:
                await to_the_end(self.run(_roll_back))
                raise

    async def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        """Call in the writer's thread. Cancelling stops the waiting; what is called next runs after the call."""
        call = partial(_told, function, self._connection, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def write(
        self,
        function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        """Call in a transaction of its own."""
        async with self.transaction():
            return await self.run(function, *args, **kwargs)

    async def erase_log(self) -> None:
        """Empty the write-ahead log, where deleted text still stands (P9); where readers hold it, a later call does."""
        async with self._lock:
            await to_the_end(self.run(self._empty_wal))

    @contextmanager
    def log_kept(self) -> Iterator[None]:
        """Let nobody wait for the log to be emptied as long as the context, which holds a read transaction. For any thread."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def _empty_wal(self, connection: sqlite3.Connection) -> None:
        _empty_wal(connection, "PASSIVE" if self._held else "TRUNCATE")

    def _commit(self, connection: sqlite3.Connection, documents: bool) -> None:
        if documents:
            reach(FailPoint.CATALOG_BEFORE_COMMIT)
        connection.execute("COMMIT").close()
        if documents:
            reach(FailPoint.CATALOG_AFTER_COMMIT)
        # SQLite's own checkpoint, every thousand pages, cannot start the log anew while readers come and go.
        if self._wal.exists() and self._wal.stat().st_size > self._wal_bytes:
            self._empty_wal(connection)


@asynccontextmanager
async def open_writer(path: Path, config: SqliteConfig) -> AsyncIterator[Writer]:
    """Open the writer. Closing waits for the transaction that runs and moves the log into the file."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="ragstone-catalog")
    loop = asyncio.get_running_loop()
    try:
        connection = await loop.run_in_executor(thread, connect, path, config)
        try:
            yield Writer(connection, thread, path, config.wal_bytes)
        finally:
            await asyncio.shield(loop.run_in_executor(thread, _close, connection))
    finally:
        await asyncio.to_thread(thread.shutdown)


def _told(
    function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
    connection: sqlite3.Connection,
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> ResultT:
    with told():
        return function(connection, *args, **kwargs)


def _begin(connection: sqlite3.Connection) -> None:
    _roll_back(connection)  # where the last rollback failed, the transaction still stands
    connection.execute("BEGIN IMMEDIATE").close()


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK").close()


def _empty_wal(connection: sqlite3.Connection, how: str = "TRUNCATE") -> None:
    """What was committed stays committed where this fails, on a full disk for instance."""
    try:
        connection.execute(f"PRAGMA wal_checkpoint({how})").close()
    except sqlite3.Error as error:
        logger.warning("the catalog's write-ahead log could not be emptied: %s", error)


def _close(connection: sqlite3.Connection) -> None:
    _roll_back(connection)
    _empty_wal(connection)
    connection.close()
