"""The statements that write collections, followers and the end of the log."""

from ragstone_plugins.postgresql.connections import Database
from ragstone_plugins.postgresql.reading import the_collection
from ragstone_plugins.postgresql.values import GONE, lock_tenant, to_text
from ragstone_server.spi.catalog_rows import collection_record
from ragstone_server.spi.catalog_store import CollectionRecord, CollectionSettings
from ragstone_server.spi.errors import CollectionAlreadyExists, CollectionNotEmpty, CollectionNotFound
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.positions import CollectionKey, Position

RETIRED_AT_ONCE = 200
"""Contents deleted in one transaction, so that retiring many does not hold up those who write."""

# The tenant's row is locked, so that nobody deletes it as that of no collection.
_CREATE = """
    WITH t AS (
        INSERT INTO tenant (name) VALUES (%(tenant)s) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING key
    )
    INSERT INTO collection (tenant, name, description, default_readers, version_scheme, created, updated)
    SELECT t.key, %(name)s, %(description)s, %(readers)s, %(scheme)s, %(now)s, %(now)s FROM t
    ON CONFLICT (name) DO NOTHING RETURNING *
"""
_UPDATE = """
    UPDATE collection SET description = %s, default_readers = %s, version_scheme = %s, updated = %s
    WHERE key = %s RETURNING *
"""
_RETIRE = """
    DELETE FROM content WHERE key IN (
        SELECT key FROM content WHERE collection = %s AND superseded <= %s ORDER BY superseded LIMIT %s
    ) RETURNING key
"""
_TRIM = """
    WITH gone AS (DELETE FROM change WHERE collection = %(key)s AND position <= %(upto)s)
    UPDATE collection SET trimmed = greatest(trimmed, least(%(upto)s, head)) WHERE key = %(key)s
"""
_FOLLOW = """
    INSERT INTO follower SELECT key, %s, %s, %s FROM collection WHERE key = %s
    ON CONFLICT (collection, view) DO UPDATE SET durable = excluded.durable, seen = excluded.seen
"""


async def create_collection(
    database: Database, name: CollectionName, settings: CollectionSettings, now: int
) -> CollectionRecord:
    """As `CatalogStore.create_collection`."""
    rows = await database.write(
        _CREATE,
        {
            "tenant": name.tenant,
            "name": str(name),
            "description": to_text(settings.description),
            "readers": settings.default_readers,
            "scheme": settings.version_scheme,
            "now": now,
        },
    )
    if not rows:
        raise CollectionAlreadyExists(f"a collection {name} exists already", metadata={"collection": str(name)})
    return collection_record(rows[0])


async def update_collection(
    database: Database, key: CollectionKey, settings: CollectionSettings, now: int
) -> CollectionRecord:
    """As `CatalogStore.update_collection`."""
    description = to_text(settings.description)
    rows = await database.write(_UPDATE, (description, settings.default_readers, settings.version_scheme, now, key))
    return the_collection(rows)


async def delete_collection(database: Database, key: CollectionKey, force: bool) -> None:
    """As `CatalogStore.delete_collection`; cascades and triggers delete what hangs on it."""
    lock = "SELECT * FROM collection WHERE key = %s FOR UPDATE", (key,)
    some = "SELECT 1 FROM document WHERE collection = %s LIMIT 1", (key,)
    async with database.transaction() as transaction:
        rows, _, documents = await transaction.together(lock, lock_tenant(key, alone=True), some)
        if not rows:
            raise CollectionNotFound(GONE)
        if documents and not force:
            raise CollectionNotEmpty(metadata={"collection": str(collection_record(rows[0]).name)})
        await transaction.run("DELETE FROM collection WHERE key = %s", (key,))


async def retire(database: Database, key: CollectionKey, upto: Position, keep_after: Position) -> int:
    """As `CatalogStore.retire`, some contents at a time."""
    retired = 0
    while True:
        some = _RETIRE, (key, upto, RETIRED_AT_ONCE)
        async with database.transaction() as transaction:
            _, rows = await transaction.together(lock_tenant(key, alone=True), some)
            retired += len(rows)
        if len(rows) < RETIRED_AT_ONCE:
            break
    await database.write(_TRIM, {"key": key, "upto": keep_after})
    return retired


async def put_follower(database: Database, key: CollectionKey, view: str, durable: Position, now: int) -> None:
    """As `CatalogStore.put_follower`; nothing where the collection was deleted under the follower."""
    await database.write(_FOLLOW, (view, durable, now, key))
