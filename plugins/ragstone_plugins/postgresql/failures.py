"""What PostgreSQL's errors mean to a caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from ragstone_server.spi.errors import CatalogUnavailable, Overloaded, StorageFull

_RETRY_AFTER_S = 1.0
_AT_ONCE_S = 0.1
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_FULL = (errors.DiskFull, errors.IoError)
_NO_ACCESS = (errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege)


@contextmanager
def told() -> Iterator[None]:
    """Raise `StorageFull`, `Overloaded` where other writers are in the way, `CatalogUnavailable` where nothing answers."""
    try:
        yield
    except _FULL as error:
        raise StorageFull from error
    except _BUSY as error:
        raise Overloaded("other writers hold the collection; try again", retry_after_s=_AT_ONCE_S) from error
    except _NO_ACCESS as error:
        raise CatalogUnavailable(
            f"the catalog's database refuses: {error.diag.message_primary}", retry_after_s=_RETRY_AFTER_S
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed, TooManyRequests) as error:
        raise CatalogUnavailable(retry_after_s=_RETRY_AFTER_S) from error
    except TimeoutError as error:
        raise CatalogUnavailable("the catalog's database does not answer", retry_after_s=_RETRY_AFTER_S) from error
