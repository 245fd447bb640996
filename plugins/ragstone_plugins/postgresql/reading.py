"""What queries and callers read, a statement each: its text, and what becomes of its rows."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.postgresql.connections import Database, Transaction
from ragstone_plugins.postgresql.values import GONE
from ragstone_server.spi.catalog_rows import (
    collection_record,
    document_record,
    fence_version,
    from_blob,
    name_hash,
    stored_version,
)
from ragstone_server.spi.catalog_store import CollectionRecord, DocumentRecord, StoredVersion
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
    FROM document d JOIN content c ON c.document = d.key AND c.superseded IS NULL
"""  # noqa: S608 - a constant
# Documents and fences in one round trip; of a fence only its hash and version are there.
_VERSIONS = f"""
    SELECT d.id, d.key, d.version, d.uri, d.mime_type, d.language, d.attributes, c.title, {PASSAGES}, c.content_hash,
        NULL::bytea AS name_hash
    FROM document d JOIN content c ON c.document = d.key AND c.superseded IS NULL
    WHERE d.collection = %s AND d.id = ANY(%s)
    UNION ALL
    SELECT NULL, NULL, version, NULL, NULL, NULL, NULL, NULL, NULL, NULL, name_hash
    FROM fence WHERE collection = %s AND name_hash = ANY(%s)
"""  # noqa: S608 - a constant


async def collection(database: Database, name: CollectionName) -> CollectionRecord:
    """By its name."""
    rows = await database.read("SELECT * FROM collection WHERE name = %s", (str(name),))
    if not rows:
        raise CollectionNotFound(f"there is no collection {name}; create it first", metadata={"collection": str(name)})
    return collection_record(rows[0])


def the_collection(rows: Sequence[Mapping[str, object]]) -> CollectionRecord:
    """The one that was asked for by its key."""
    if not rows:
        raise CollectionNotFound(GONE)
    return collection_record(rows[0])


async def collections(
    database: Database, tenant: TenantId | None, after: str, limit: int
) -> tuple[CollectionRecord, ...]:
    """A page."""
    rows = await database.read(
        "SELECT * FROM collection WHERE name > %(after)s ORDER BY name LIMIT %(limit)s"
        if tenant is None
        else "SELECT * FROM collection WHERE tenant = (SELECT key FROM tenant WHERE name = %(tenant)s) "
        "AND name > %(after)s ORDER BY name LIMIT %(limit)s",
        {"after": after, "limit": limit, "tenant": tenant},
    )
    return tuple(collection_record(row) for row in rows)


async def document(database: Database, key: CollectionKey, name: DocumentId) -> DocumentRecord | None:
    """By its id."""
    rows = await database.read(_DOCUMENT + "WHERE d.collection = %s AND d.id = %s", (key, name))
    return document_record(rows[0]) if rows else None


async def documents(database: Database, key: CollectionKey, after: str, limit: int) -> tuple[DocumentRecord, ...]:
    """A page."""
    rows = await database.read(
        _DOCUMENT + "WHERE d.collection = %s AND d.id > %s ORDER BY d.id LIMIT %s", (key, after, limit)
    )
    return tuple(document_record(row) for row in rows)


async def document_count(database: Database, key: CollectionKey) -> int:
    """All documents."""
    rows = await database.read("SELECT count(*) AS documents FROM document WHERE collection = %s", (key,))
    return int(rows[0]["documents"])


async def versions(
    database: Database | Transaction, fence_key: bytes, key: CollectionKey, documents: Iterable[DocumentId]
) -> Mapping[DocumentId, StoredVersion]:
    """Versions and fences of those documents that have one."""
    hashes = {name_hash(fence_key, key, each): each for each in documents}
    parameters = (key, list(hashes.values()), key, list(hashes))
    run = database.read if isinstance(database, Database) else database.run
    return {
        DocumentId(row["id"]) if row["name_hash"] is None else hashes[row["name_hash"]]: (
            stored_version(row) if row["name_hash"] is None else fence_version(row["version"])
        )
        for row in await run(_VERSIONS, parameters)
    }


async def vectors(
    database: Database, tenant: TenantId, embedder: str, hashes: Sequence[bytes]
) -> Mapping[bytes, NDArray[np.float16]]:
    """Those that are known."""
    rows = await database.read(
        "SELECT v.text_hash, v.data FROM vector v JOIN space s ON s.key = v.space JOIN tenant t ON t.key = s.tenant "
        "WHERE t.name = %s AND s.embedder = %s AND v.text_hash = ANY(%s)",
        (tenant, embedder, list(hashes)),
    )
    return {row["text_hash"]: from_blob(row["data"]) for row in rows}


async def followers(database: Database, key: CollectionKey) -> Mapping[str, Position]:
    """By the names of the views."""
    rows = await database.read("SELECT view, durable FROM follower WHERE collection = %s", (key,))
    return {row["view"]: Position(row["durable"]) for row in rows}
