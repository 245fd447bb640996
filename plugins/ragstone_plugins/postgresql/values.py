"""Values that PostgreSQL takes otherwise than we have them."""

from typing import TypeVar

from ragstone_server.spi.positions import CollectionKey

TextT = TypeVar("TextT", str, str | None)

GONE = "the collection was deleted"
TENANT_LOCKS = 0x7261
"""First number of the advisory locks of tenants."""


def to_text(text: TextT) -> TextT:
    """A text column holds every character but NUL."""
    return text if text is None else text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def lock_tenant(collection: CollectionKey, *, alone: bool) -> tuple[str, tuple[object, ...]]:
    """The statement that keeps the vectors of a collection's tenant as they are until the commit.

    Who puts passages shares the lock; who deletes some holds it alone, since a vector goes with the last passage that has its
    text, in whatever collection of the tenant.
    """
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    return f"SELECT {function}(%s, tenant::integer) FROM collection WHERE key = %s", (TENANT_LOCKS, collection)  # noqa: S608
