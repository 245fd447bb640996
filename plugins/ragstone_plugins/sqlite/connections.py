"""Connections: one writer with a thread of its own, and readers that wait for nobody."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.errors import StorageFull
from ragstone_server.spi.host import Lane

ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
_FULL_LATER = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE})


def connect(path: Path, config: SqliteConfig) -> sqlite3.Connection:
    """A connection in autocommit mode whose commits are on disk when they return."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.row_factory = sqlite3.Row
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        # Deleted means gone (P9): freed pages are overwritten, also where that costs a write.
        "secure_delete = ON",
        "busy_timeout = 10000",
        "temp_store = MEMORY",
        f"cache_size = -{config.cache_bytes // 1024}",
        f"journal_size_limit = {config.wal_bytes}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@contextmanager
def storage_errors() -> Iterator[None]:
    """Say `StorageFull` where SQLite says that no space is left."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _FULL | _FULL_LATER:
            raise StorageFull from error
        raise


class Writer:
    """The only connection that writes; its thread runs one call after the other."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self.lock = asyncio.Lock()

    async def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        """Call in the writer's thread. Cancelling waits for the call: nothing runs beside its end."""
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._thread, partial(_mapped, function, self._connection, *args, **kwargs))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait([call])
            raise


def _mapped(
    function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
    connection: sqlite3.Connection,
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> ResultT:
    with storage_errors():
        return function(connection, *args, **kwargs)


class Readers:
    """As many reading connections as calls run at once."""

    def __init__(self, path: Path, config: SqliteConfig) -> None:
        self._path = path
        self._config = config
        self._free: deque[sqlite3.Connection] = deque()

    async def run(
        self,
        lane: Lane,
        function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        """Call in a thread of the lane, within one read transaction."""
        return await lane.run(partial(self._call, function, *args, **kwargs))

    def _call(
        self,
        function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        try:
            connection = self._free.pop()
        except IndexError:
            connection = connect(self._path, self._config)
            connection.execute("PRAGMA query_only = ON")
        try:
            connection.execute("BEGIN")
            try:
                return function(connection, *args, **kwargs)
            finally:
                connection.execute("COMMIT")
        finally:
            self._free.append(connection)

    def close(self) -> None:
        """Close all; no call runs any more."""
        while self._free:
            self._free.pop().close()


@asynccontextmanager
async def opened(path: Path, config: SqliteConfig) -> AsyncIterator[tuple[Writer, Readers]]:
    """Open the writer; readers open as they are needed. Closing folds the write-ahead log into the file."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="ragstone-catalog-writer")
    loop = asyncio.get_running_loop()
    connection = await loop.run_in_executor(thread, connect, path, config)
    readers = Readers(path, config)
    try:
        yield Writer(connection, thread), readers
    finally:
        readers.close()
        await loop.run_in_executor(thread, _close, connection)
        await asyncio.to_thread(thread.shutdown)


def _close(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        pass  # on a full disk the log stays, and is read at the next start
    finally:
        connection.close()
