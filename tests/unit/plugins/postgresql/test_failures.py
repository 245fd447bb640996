"""What callers hear of the database's errors."""

import pytest
from psycopg import Error, InterfaceError, OperationalError, errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from ragstone_plugins.postgresql.failures import told
from ragstone_plugins.postgresql.pool import NoAnswer
from ragstone_server.spi.errors import CatalogUnavailable, Overloaded, RequestError, StorageFull

ERRORS: list[tuple[Error, type[RequestError], str]] = [
    (errors.DiskFull("no space left"), StorageFull, "No space is left"),
    (errors.LockNotAvailable(), Overloaded, "other writers"),
    (errors.DeadlockDetected(), Overloaded, "other writers"),
    (TooManyRequests(), Overloaded, "too many wait"),
    (NoAnswer(), CatalogUnavailable, "does not answer"),
    (errors.QueryCanceled(), CatalogUnavailable, "does not answer"),
    (errors.IdleInTransactionSessionTimeout(), CatalogUnavailable, "said nothing for too long"),
    (errors.TransactionTimeout(), CatalogUnavailable, "said nothing for too long"),
    (errors.ReadOnlySqlTransaction(), CatalogUnavailable, "refuses"),
    (errors.InsufficientPrivilege(), CatalogUnavailable, "refuses"),
    (errors.AdminShutdown(), CatalogUnavailable, "cannot be reached"),
    (errors.TooManyConnections(), CatalogUnavailable, "cannot be reached"),
    (OperationalError("server closed the connection unexpectedly"), CatalogUnavailable, "cannot be reached"),
    (InterfaceError("the connection is closed"), CatalogUnavailable, "cannot be reached"),
    (PoolTimeout(), CatalogUnavailable, "cannot be reached"),
    (PoolClosed(), CatalogUnavailable, "cannot be reached"),
]


@pytest.mark.parametrize(("error", "kind", "says"), ERRORS, ids=lambda value: type(value).__name__)
def test_an_error_is_told_with_its_cause(error: Error, kind: type[RequestError], says: str) -> None:
    with pytest.raises(kind, match=says) as refusal, told():
        raise error
    assert refusal.value.__cause__ is error
    assert refusal.value.retry_after_s or kind is StorageFull


@pytest.mark.parametrize("error", [TimeoutError(), errors.UniqueViolation(), errors.UndefinedTable(), ValueError()])
def test_what_is_not_of_the_database_or_a_mistake_of_ours_stays(error: Exception) -> None:
    """A `TimeoutError` belongs to whoever set the time."""
    with pytest.raises(type(error)) as same, told():
        raise error
    assert same.value is error
