"""The final read of a query: passages with their texts and with what decides over their use."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from ragstone_plugins.sqlite.blocks import read_texts
from ragstone_plugins.sqlite.records import from_headings
from ragstone_server.spi.catalog_store import StoredPassage
from ragstone_server.spi.evidence import Passage
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.visibility import Attributes


def passages(
    connection: sqlite3.Connection, collection: CollectionKey, keys: Sequence[PassageKey]
) -> Mapping[PassageKey, StoredPassage]:
    """As `CatalogStore.passages`."""
    rows = connection.execute(
        "SELECT p.key, p.content, p.ordinal, p.id, p.start, p.stop, p.page, p.headings, p.text_hash, "
        "c.version, c.title, c.superseded, c.passages, d.key AS document, d.id AS name, d.uri, d.attributes "
        "FROM json_each(?2) w CROSS JOIN passage p ON p.key = w.value CROSS JOIN content c ON c.key = p.content "
        "CROSS JOIN document d ON d.key = c.document AND d.collection = ?1",
        (collection, json.dumps(keys)),
    ).fetchall()
    spans = [(ContentKey(row["content"]), ByteRange(start=row["start"], end=row["stop"])) for row in rows]
    texts = read_texts(connection, spans)
    attributes = {key: Attributes.from_key(key) for key in {row["attributes"] for row in rows}}
    return {
        PassageKey(row["key"]): _stored(row, span, text, attributes[row["attributes"]])
        for row, (_, span), text in zip(rows, spans, texts, strict=True)
    }


def neighbours(
    connection: sqlite3.Connection, content: ContentKey, first: int, last: int
) -> tuple[tuple[ByteRange, str], ...]:
    """As `CatalogStore.neighbours`."""
    rows = connection.execute(
        "SELECT start, stop FROM passage WHERE content = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
        (content, first, last),
    )
    spans = [ByteRange(start=start, end=stop) for start, stop in rows]
    texts = read_texts(connection, [(content, span) for span in spans])
    return tuple(zip(spans, texts, strict=True))


def _stored(row: sqlite3.Row, span: ByteRange, text: str, attributes: Attributes) -> StoredPassage:
    superseded = row["superseded"]
    return StoredPassage(
        passage=Passage(
            key=PassageKey(row["key"]),
            passage_id=row["id"],
            document=DocumentId(row["name"]),
            document_key=DocumentKey(row["document"]),
            content_key=ContentKey(row["content"]),
            ordinal=row["ordinal"],
            version=row["version"],
            title=row["title"],
            uri=row["uri"],
            page=row["page"],
            headings=from_headings(row["headings"]),
            range=span,
            text=text,
            metadata=attributes.metadata,
        ),
        attributes=attributes,
        superseded=None if superseded is None else Position(superseded),
        passages_in_content=row["passages"],
        text_hash=row["text_hash"],
    )
