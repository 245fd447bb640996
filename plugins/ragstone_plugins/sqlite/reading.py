"""What queries and callers read."""

import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.sqlite.blocks import read_texts
from ragstone_plugins.sqlite.records import collection_record, document_record, headings
from ragstone_server.spi.catalog_store import CollectionRecord, DocumentRecord, StoredPassage
from ragstone_server.spi.errors import CollectionNotFound
from ragstone_server.spi.evidence import Passage
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.visibility import Attributes

_AT_ONCE = 500
_DOCUMENT = "SELECT d.*, c.size_bytes, c.passages FROM document d JOIN content c ON c.key = d.content WHERE "


def collection_by_name(connection: sqlite3.Connection, name: CollectionName) -> CollectionRecord:
    """Raises `CollectionNotFound`."""
    row = connection.execute("SELECT * FROM collection WHERE name = ?", (str(name),)).fetchone()
    if row is None:
        raise CollectionNotFound(
            f"there is no collection {name}; create it first, or leave the name out for the default one",
            metadata={"collection": str(name)},
        )
    return collection_record(row)


def collection_by_key(connection: sqlite3.Connection, key: CollectionKey) -> CollectionRecord:
    """Raises `CollectionNotFound`."""
    row = connection.execute("SELECT * FROM collection WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise CollectionNotFound
    return collection_record(row)


def collections(
    connection: sqlite3.Connection, tenant: TenantId | None, after: str, limit: int
) -> tuple[CollectionRecord, ...]:
    """As `CatalogStore.collections`."""
    rows = connection.execute(
        "SELECT * FROM collection WHERE (?1 IS NULL OR tenant = ?1) AND name > ?2 ORDER BY name LIMIT ?3",
        (tenant, after, limit),
    )
    return tuple(collection_record(row) for row in rows)


def document(connection: sqlite3.Connection, collection: CollectionKey, name: DocumentId) -> DocumentRecord | None:
    """As `CatalogStore.document`."""
    row = connection.execute(_DOCUMENT + "d.collection = ? AND d.id = ?", (collection, name)).fetchone()
    return None if row is None else document_record(row)


def documents(
    connection: sqlite3.Connection, collection: CollectionKey, after: str, limit: int
) -> tuple[DocumentRecord, ...]:
    """As `CatalogStore.documents`."""
    rows = connection.execute(
        _DOCUMENT + "d.collection = ? AND d.id > ? ORDER BY d.id LIMIT ?", (collection, after, limit)
    )
    return tuple(document_record(row) for row in rows)


def document_count(connection: sqlite3.Connection, collection: CollectionKey) -> int:
    """As `CatalogStore.document_count`."""
    count: int = connection.execute("SELECT count(*) FROM document WHERE collection = ?", (collection,)).fetchone()[0]
    return count


def vectors(
    connection: sqlite3.Connection, tenant: TenantId, embedder: str, hashes: Sequence[bytes]
) -> Mapping[bytes, NDArray[np.float16]]:
    """As `CatalogStore.vectors`."""
    found = {}
    for begin in range(0, len(hashes), _AT_ONCE):
        group = hashes[begin : begin + _AT_ONCE]
        rows = connection.execute(
            "SELECT v.text_hash, v.data FROM vector v JOIN space s ON s.key = v.space "  # noqa: S608 - marks only
            f"WHERE s.tenant = ? AND s.embedder = ? AND v.text_hash IN ({','.join('?' * len(group))})",
            (tenant, embedder, *group),
        )
        found.update({row["text_hash"]: np.frombuffer(row["data"], dtype=np.float16) for row in rows})
    return found


def passages(
    connection: sqlite3.Connection, collection: CollectionKey, keys: Sequence[PassageKey]
) -> Mapping[PassageKey, StoredPassage]:
    """As `CatalogStore.passages`."""
    found: dict[PassageKey, StoredPassage] = {}
    for begin in range(0, len(keys), _AT_ONCE):
        group = keys[begin : begin + _AT_ONCE]
        rows = connection.execute(
            "SELECT p.*, c.document, c.version, c.superseded, c.passages, d.id AS document_id, d.title, d.uri, "  # noqa: S608 - marks only
            "d.attributes FROM passage p JOIN content c ON c.key = p.content JOIN document d ON d.key = c.document "
            f"WHERE p.key IN ({','.join('?' * len(group))}) AND d.collection = ?",
            (*group, collection),
        ).fetchall()
        texts = read_texts(
            connection, [(ContentKey(r["content"]), ByteRange(start=r["start"], end=r["stop"])) for r in rows]
        )
        for row in rows:
            found[PassageKey(row["key"])] = _stored(row, texts)
    return found


def neighbours(
    connection: sqlite3.Connection, content: ContentKey, first: int, last: int
) -> tuple[tuple[ByteRange, str], ...]:
    """As `CatalogStore.neighbours`."""
    rows = connection.execute(
        "SELECT start, stop FROM passage WHERE content = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
        (content, first, last),
    ).fetchall()
    spans = [ByteRange(start=row["start"], end=row["stop"]) for row in rows]
    texts = read_texts(connection, [(content, span) for span in spans])
    return tuple((span, texts[content, span]) for span in spans)


def followers(connection: sqlite3.Connection, collection: CollectionKey) -> Mapping[str, Position]:
    """As `CatalogStore.followers`."""
    rows = connection.execute("SELECT view, durable FROM follower WHERE collection = ?", (collection,))
    return {row["view"]: Position(row["durable"]) for row in rows}


def _stored(row: sqlite3.Row, texts: Mapping[tuple[ContentKey, ByteRange], str]) -> StoredPassage:
    span = ByteRange(start=row["start"], end=row["stop"])
    attributes = Attributes.from_key(row["attributes"])
    return StoredPassage(
        passage=Passage(
            key=PassageKey(row["key"]),
            passage_id=row["id"],
            document=DocumentId(row["document_id"]),
            document_key=DocumentKey(row["document"]),
            content_key=ContentKey(row["content"]),
            ordinal=row["ordinal"],
            version=row["version"],
            title=row["title"],
            uri=row["uri"],
            page=row["page"],
            headings=headings(row["headings"]),
            range=span,
            text=texts[ContentKey(row["content"]), span],
            metadata=attributes.metadata,
        ),
        attributes=attributes,
        superseded=None if row["superseded"] is None else Position(row["superseded"]),
        passages_in_content=row["passages"],
        text_hash=row["text_hash"],
    )
