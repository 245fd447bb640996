"""What queries and callers read. Each function is the method of `CatalogStore` that has its name."""

import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.sqlite.many import groups, marks
from ragstone_server.spi.catalog_rows import collection_head, collection_record, document_record, from_blob
from ragstone_server.spi.catalog_store import CollectionHead, CollectionRecord, DocumentRecord
from ragstone_server.spi.errors import CollectionNotFound
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import CollectionKey, Position

PASSAGES = """(
    SELECT count(*) FROM passage WHERE content = c.key
        AND generation = (SELECT live_generation FROM collection WHERE key = d.collection)
) AS passages"""
"""How many passages a content `c` of a document `d` has."""

_DOCUMENT = f"""
    SELECT d.*, c.title, c.size_bytes, {PASSAGES}
    FROM document d CROSS JOIN content c ON c.document = d.key AND c.superseded IS NULL
"""  # noqa: S608 - constants


def collection(connection: sqlite3.Connection, name: CollectionName) -> CollectionRecord:
    """By its name."""
    row = connection.execute("SELECT * FROM collection WHERE name = ?", (str(name),)).fetchone()
    if row is None:
        raise CollectionNotFound(f"there is no collection {name}; create it first", metadata={"collection": str(name)})
    return collection_record(row)


def collection_by_key(connection: sqlite3.Connection, key: CollectionKey) -> CollectionRecord:
    """By its key."""
    row = connection.execute("SELECT * FROM collection WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise CollectionNotFound("the collection was deleted")
    return collection_record(row)


def collections(
    connection: sqlite3.Connection, tenant: TenantId | None, after: str, limit: int
) -> tuple[CollectionRecord, ...]:
    """A page."""
    rows = connection.execute(
        "SELECT * FROM collection WHERE name > ?1 ORDER BY name LIMIT ?2"
        if tenant is None
        else "SELECT * FROM collection WHERE tenant = (SELECT key FROM tenant WHERE name = ?3) "
        "AND name > ?1 ORDER BY name LIMIT ?2",
        (after, limit) if tenant is None else (after, limit, tenant),
    )
    return tuple(collection_record(row) for row in rows)


def heads(connection: sqlite3.Connection) -> tuple[CollectionHead, ...]:
    """Of the collections that have changed."""
    rows = connection.execute("SELECT key, name, head FROM collection WHERE head > 0")
    return tuple(collection_head(row) for row in rows)


def document(connection: sqlite3.Connection, key: CollectionKey, name: DocumentId) -> DocumentRecord | None:
    """By its id."""
    row = connection.execute(_DOCUMENT + "WHERE d.collection = ? AND d.id = ?", (key, name)).fetchone()
    return None if row is None else document_record(row)


def documents(connection: sqlite3.Connection, key: CollectionKey, after: str, limit: int) -> tuple[DocumentRecord, ...]:
    """A page."""
    rows = connection.execute(
        _DOCUMENT + "WHERE d.collection = ? AND d.id > ? ORDER BY d.id LIMIT ?", (key, after, limit)
    )
    return tuple(document_record(row) for row in rows)


def document_count(connection: sqlite3.Connection, key: CollectionKey) -> int:
    """All documents."""
    row = connection.execute("SELECT count(*) FROM document WHERE collection = ?", (key,)).fetchone()
    return int(row[0])


def vectors(
    connection: sqlite3.Connection, tenant: TenantId, embedder: str, hashes: Sequence[bytes]
) -> Mapping[bytes, NDArray[np.float16]]:
    """Those that are known."""
    space = connection.execute(
        "SELECT s.key FROM space s JOIN tenant t ON t.key = s.tenant WHERE t.name = ? AND s.embedder = ?",
        (tenant, embedder),
    ).fetchone()
    found: dict[bytes, NDArray[np.float16]] = {}
    if space is None:
        return found
    for group in groups(hashes):
        rows = connection.execute(
            f"SELECT text_hash, data FROM vector WHERE space = ? AND text_hash IN ({marks(group)})",  # noqa: S608 - question marks only
            (space["key"], *group),
        )
        found.update((row["text_hash"], from_blob(row["data"])) for row in rows)
    return found


def followers(connection: sqlite3.Connection, key: CollectionKey) -> Mapping[str, Position]:
    """By the names of the views."""
    rows = connection.execute("SELECT view, durable FROM follower WHERE collection = ?", (key,))
    return {row["view"]: Position(row["durable"]) for row in rows}


def meta(connection: sqlite3.Connection) -> Mapping[str, bytes]:
    """What the catalog says of itself."""
    return {row["key"]: row["value"] for row in connection.execute("SELECT key, value FROM meta")}
