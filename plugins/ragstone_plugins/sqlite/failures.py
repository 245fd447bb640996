"""What SQLite's errors mean to a caller."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ragstone_server.spi.errors import Overloaded, StorageFull

# A write past a quota or a size limit of the process is an I/O error to SQLite, and so is a log that cannot grow.
_FULL = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_TRUNCATE,
    }
)
_RETRY_AFTER_S = 1.0


@contextmanager
def told() -> Iterator[None]:
    """Raise `StorageFull` where no space is left, and `Overloaded` where another process holds the file too long."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _FULL:
            raise StorageFull from error
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise Overloaded(
                "another process holds the catalog; try again later", retry_after_s=_RETRY_AFTER_S
            ) from error
        raise
