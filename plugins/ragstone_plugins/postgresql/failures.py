"""What PostgreSQL's errors mean to a caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from ragstone_plugins.postgresql.pool import NoAnswer
from ragstone_server.spi.errors import CatalogUnavailable, Overloaded, StorageFull

_RETRY_AFTER_S = 1.0
_AT_ONCE_S = 0.1
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_FULL = (errors.DiskFull, errors.IoError)
_NO_ACCESS = (errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege)
_STALLED = (errors.IdleInTransactionSessionTimeout, errors.TransactionTimeout)
_SLOW = (NoAnswer, errors.QueryCanceled)


@contextmanager
def told() -> Iterator[None]:
    """Raise `StorageFull`, `Overloaded` where others are in the way, `CatalogUnavailable` where nothing answers.

    A `TimeoutError` is never ours: it belongs to whoever set the time.
    """
    try:
        yield
    except _FULL as error:
        raise StorageFull from error
    except _BUSY as error:
        raise Overloaded("other writers hold the collection; try again", retry_after_s=_AT_ONCE_S) from error
    except TooManyRequests as error:
        raise Overloaded("too many wait for the catalog's database", retry_after_s=_RETRY_AFTER_S) from error
    except _NO_ACCESS as error:
        raise _unavailable(f"the catalog's database refuses: {error.diag.message_primary}") from error
    except _STALLED as error:
        raise _unavailable("the transaction said nothing for too long, and the catalog's database ended it") from error
    except _SLOW as error:
        raise _unavailable("the catalog's database does not answer") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as error:
        raise _unavailable() from error


def _unavailable(message: str | None = None) -> CatalogUnavailable:
    return CatalogUnavailable(message, retry_after_s=_RETRY_AFTER_S)
