"""The final read of a query: passages with their texts and with what decides over their use."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from ragstone_plugins.sqlite.blocks import read_texts
from ragstone_server.spi.catalog_rows import stored_passage
from ragstone_server.spi.catalog_store import GenerationNumber, StoredPassage
from ragstone_server.spi.positions import CollectionKey, ContentKey, PassageKey
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.visibility import Attributes


def passages(
    connection: sqlite3.Connection, collection: CollectionKey, keys: Sequence[PassageKey]
) -> Mapping[PassageKey, StoredPassage]:
    """As `CatalogStore.passages`."""
    rows = connection.execute(
        "SELECT p.key, p.content, p.generation, p.ordinal, p.id, p.start, p.stop, p.page, p.headings, p.text_hash, "
        "c.version, c.title, c.superseded, d.key AS document, d.id AS name, d.uri, d.attributes "
        "FROM json_each(?2) w CROSS JOIN passage p ON p.key = w.value CROSS JOIN content c ON c.key = p.content "
        "CROSS JOIN document d ON d.key = c.document AND d.collection = ?1",
        (collection, json.dumps(keys)),
    ).fetchall()
    spans = [(ContentKey(row["content"]), ByteRange(start=row["start"], end=row["stop"])) for row in rows]
    texts = read_texts(connection, spans)
    attributes = {key: Attributes.from_key(key) for key in {row["attributes"] for row in rows}}
    return {
        PassageKey(row["key"]): stored_passage(row, span, text, attributes[row["attributes"]])
        for row, (_, span), text in zip(rows, spans, texts, strict=True)
    }


def neighbours(
    connection: sqlite3.Connection, content: ContentKey, generation: GenerationNumber, first: int, last: int
) -> tuple[tuple[ByteRange, str], ...]:
    """As `CatalogStore.neighbours`."""
    rows = connection.execute(
        "SELECT start, stop FROM passage WHERE content = ? AND generation = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
        (content, generation, first, last),
    )
    spans = [ByteRange(start=start, end=stop) for start, stop in rows]
    texts = read_texts(connection, [(content, span) for span in spans])
    return tuple(zip(spans, texts, strict=True))
