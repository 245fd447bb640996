"""The statements that write collections, followers and the end of the log. Each is a transaction of its own."""

import sqlite3
import uuid

from ragstone_plugins.sqlite.reading import collection_by_key, document_count
from ragstone_server.spi.catalog_rows import collection_record
from ragstone_server.spi.catalog_store import CollectionRecord, CollectionSettings
from ragstone_server.spi.errors import CollectionAlreadyExists, CollectionNotEmpty, CollectionNotFound
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.positions import CollectionKey, Position

RETIRED_AT_ONCE = 200
"""Contents deleted in one transaction, so that retiring many does not hold up those who write."""


def begin_epoch(connection: sqlite3.Connection) -> None:
    """Give a new catalog its epoch."""
    connection.execute("INSERT INTO meta VALUES ('epoch', ?) ON CONFLICT DO NOTHING", (str(uuid.uuid4()),))


def create_collection(
    connection: sqlite3.Connection, name: CollectionName, settings: CollectionSettings, now: int
) -> CollectionRecord:
    """As `CatalogStore.create_collection`."""
    connection.execute("INSERT INTO tenant (name) VALUES (?) ON CONFLICT DO NOTHING", (name.tenant,))
    row = connection.execute(
        "INSERT INTO collection (tenant, name, description, default_readers, version_scheme, created, updated) "
        "VALUES ((SELECT key FROM tenant WHERE name = ?1), ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO NOTHING RETURNING *",
        (name.tenant, str(name), settings.description, settings.default_readers, settings.version_scheme, now),
    ).fetchone()
    if row is None:
        raise CollectionAlreadyExists(f"a collection {name} exists already", metadata={"collection": str(name)})
    return collection_record(row)


def update_collection(
    connection: sqlite3.Connection, key: CollectionKey, settings: CollectionSettings, now: int
) -> CollectionRecord:
    """As `CatalogStore.update_collection`."""
    row = connection.execute(
        "UPDATE collection SET description = ?, default_readers = ?, version_scheme = ?, updated = ? "
        "WHERE key = ? RETURNING *",
        (settings.description, settings.default_readers, settings.version_scheme, now, key),
    ).fetchone()
    if row is None:
        raise CollectionNotFound("the collection was deleted")
    return collection_record(row)


def delete_collection(connection: sqlite3.Connection, key: CollectionKey, force: bool) -> None:
    """As `CatalogStore.delete_collection`; cascades and triggers delete what hangs on it."""
    record = collection_by_key(connection, key)
    if not force and document_count(connection, key):
        raise CollectionNotEmpty(metadata={"collection": str(record.name)})
    connection.execute("DELETE FROM collection WHERE key = ?", (key,))


def retire_some(connection: sqlite3.Connection, key: CollectionKey, upto: Position) -> int:
    """Delete superseded contents, the first ones; return how many."""
    return connection.execute(
        "DELETE FROM content WHERE key IN (SELECT key FROM content WHERE collection = ? AND superseded <= ? "
        "ORDER BY superseded LIMIT ?)",
        (key, upto, RETIRED_AT_ONCE),
    ).rowcount


def trim(connection: sqlite3.Connection, key: CollectionKey, upto: Position) -> None:
    """Forget the changes up to a position."""
    connection.execute("DELETE FROM change WHERE collection = ? AND position <= ?", (key, upto))
    connection.execute("UPDATE collection SET trimmed = max(trimmed, min(?, head)) WHERE key = ?", (upto, key))


def put_follower(connection: sqlite3.Connection, key: CollectionKey, view: str, durable: Position, now: int) -> None:
    """As `CatalogStore.put_follower`; nothing where the collection was deleted under the follower."""
    connection.execute(
        "INSERT INTO follower SELECT key, ?2, ?3, ?4 FROM collection WHERE key = ?1 "
        "ON CONFLICT DO UPDATE SET durable = excluded.durable, seen = excluded.seen",
        (key, view, durable, now),
    )


def drop_followers(connection: sqlite3.Connection, key: CollectionKey, before: int) -> None:
    """As `CatalogStore.drop_followers`."""
    connection.execute("DELETE FROM follower WHERE collection = ? AND seen < ?", (key, before))
