"""Connections to the file, and the readers' pool of them."""

import sqlite3
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from ragstone_plugins.sqlite.failures import told
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.host import Lane

ResultT = TypeVar("ResultT")
Parameters = ParamSpec("Parameters")

BUSY_S = 10.0
BUSY_PAUSE_S = 0.01


def connect(path: Path, config: SqliteConfig) -> sqlite3.Connection:
    """A connection in autocommit mode, whose commits are on disk when they return."""
    # Threads use a connection in turns, never at once.
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=BUSY_S
    )
    connection.row_factory = sqlite3.Row
    pragmas = [
        "synchronous = FULL",
        "fullfsync = ON",  # on macOS a plain fsync leaves the data in the drive's cache (P1)
        "checkpoint_fullfsync = ON",
        "foreign_keys = ON",
        # Deleted means gone (P9): freed pages are overwritten with zeros, also where that costs a write. FAST would leave
        # what lay in whole pages, and that is most of a document.
        "secure_delete = ON",
        "temp_store = MEMORY",
        f"cache_size = -{config.cache_bytes // 1024}",
        f"journal_size_limit = {config.wal_bytes}",
    ]
    try:
        _write_ahead(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()
        if config.max_bytes is not None:
            page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {config.max_bytes // page_bytes}").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. Of two processes that do so at once SQLite fails one without waiting."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(BUSY_PAUSE_S)


class Readers:
    """As many connections as calls run at once; they see what is committed, and wait for nobody."""

    def __init__(self, path: Path, config: SqliteConfig) -> None:
        self._path = path
        self._config = config
        self._free: deque[sqlite3.Connection] = deque()
        self._closed = False

    async def run(
        self,
        lane: Lane,
        function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        """Call in a thread of the lane, within one read transaction: all that it reads is of one instant."""
        return await lane.run(self._call, function, *args, **kwargs)

    def close(self) -> None:
        """Close what is free; a connection that a cancelled request left at work closes when it is done."""
        self._closed = True
        while self._free:
            self._free.pop().close()

    def _call(
        self,
        function: Callable[Concatenate[sqlite3.Connection, Parameters], ResultT],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> ResultT:
        connection = self._take()
        healthy = False
        try:
            with told():
                connection.execute("BEGIN").close()
                try:
                    return function(connection, *args, **kwargs)
                finally:
                    connection.execute("COMMIT").close()
                    healthy = True
        finally:
            if healthy:
                self._free.append(connection)
            else:
                connection.close()
            if self._closed:
                self.close()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._free.pop()
        except IndexError:
            connection = connect(self._path, self._config)
            connection.execute("PRAGMA query_only = ON").close()
            return connection
