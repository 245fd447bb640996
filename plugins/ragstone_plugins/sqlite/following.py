"""What followers read: the present state of documents that changed, or of all."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

from ragstone_plugins.sqlite.blocks import read_texts
from ragstone_server.spi.catalog_rows import from_blob, from_headings
from ragstone_server.spi.catalog_store import GenerationNumber, LogTrimmed
from ragstone_server.spi.change_batches import fitting, gone
from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.views import ChangeBatch, DocumentChange, IndexedPassage
from ragstone_server.spi.visibility import Attributes


def changes(
    connection: sqlite3.Connection,
    collection: CollectionKey,
    generation: GenerationNumber,
    after: Position,
    limit: int,
    *,
    texts: bool,
    vectors: str | None,
) -> ChangeBatch:
    """As `CatalogStore.changes`."""
    row = connection.execute("SELECT trimmed FROM collection WHERE key = ?", (collection,)).fetchone()
    if row is not None and after < row["trimmed"]:
        raise LogTrimmed
    log = connection.execute(
        "SELECT position, document FROM change WHERE collection = ? AND position > ? ORDER BY position LIMIT ?",
        (collection, after, limit),
    ).fetchall()
    sizes = _sizes(connection, [row["document"] for row in log])
    log = log[: fitting([sizes.pop(row["document"], 0) for row in log])]
    # Present states, and from its first change on: what a view holds was never superseded before the view's position, so
    # a document does not vanish for queries while it is replaced time and again.
    documents = list(dict.fromkeys(row["document"] for row in reversed(log)))[::-1]
    present = _states(connection, documents, generation, texts=texts, vectors=vectors)
    return ChangeBatch(
        changes=tuple(present.get(key) or gone(DocumentKey(key)) for key in documents),
        position=Position(log[-1]["position"]) if log else after,
    )


def snapshot(
    connection: sqlite3.Connection,
    collection: CollectionKey,
    generation: GenerationNumber,
    after: DocumentKey,
    limit: int,
    *,
    texts: bool,
    vectors: str | None,
) -> tuple[ChangeBatch, DocumentKey | None]:
    """As `CatalogStore.snapshot`."""
    head = connection.execute("SELECT head FROM collection WHERE key = ?", (collection,)).fetchone()
    rows = connection.execute(
        "SELECT d.key, c.text_bytes FROM document d "
        "CROSS JOIN content c ON c.document = d.key AND c.superseded IS NULL "
        "WHERE d.collection = ? AND d.key > ? ORDER BY d.key LIMIT ?",
        (collection, after, limit + 1),
    ).fetchall()
    count = min(limit, fitting([row["text_bytes"] for row in rows]))
    keys = [row["key"] for row in rows[:count]]
    present = _states(connection, keys, generation, texts=texts, vectors=vectors)
    batch = ChangeBatch(
        changes=tuple(present[key] for key in keys), position=Position(head["head"]) if head else NO_POSITION
    )
    return batch, DocumentKey(keys[-1]) if count < len(rows) else None


def _sizes(connection: sqlite3.Connection, documents: Sequence[int]) -> dict[int, int]:
    """Bytes of the present texts."""
    rows = connection.execute(
        "SELECT c.document, c.text_bytes FROM json_each(?) w "
        "CROSS JOIN content c ON c.document = w.value AND c.superseded IS NULL",
        (json.dumps(documents),),
    )
    return {row["document"]: row["text_bytes"] for row in rows}


def _states(
    connection: sqlite3.Connection,
    keys: Sequence[int],
    generation: GenerationNumber,
    *,
    texts: bool,
    vectors: str | None,
) -> dict[int, DocumentChange]:
    """Present states, of those that are there."""
    rows = connection.execute(
        "SELECT d.key, d.attributes, d.language, c.key AS content, c.title FROM json_each(?) w "
        "CROSS JOIN document d ON d.key = w.value CROSS JOIN content c ON c.document = d.key AND c.superseded IS NULL",
        (json.dumps(keys),),
    ).fetchall()
    titles = {row["content"]: row["title"] for row in rows}
    passages = _passages(connection, titles, generation, texts=texts, vectors=vectors)
    return {
        row["key"]: DocumentChange(
            document=DocumentKey(row["key"]),
            attributes=Attributes.from_key(row["attributes"]),
            language=row["language"],
            passages=tuple(passages[row["content"]]),
        )
        for row in rows
    }


def _passages(
    connection: sqlite3.Connection,
    titles: Mapping[int, str],
    generation: GenerationNumber,
    *,
    texts: bool,
    vectors: str | None,
) -> defaultdict[int, list[IndexedPassage]]:
    """By content, in the order of the text."""
    rows = connection.execute(
        "SELECT p.key, p.content, p.start, p.stop, p.headings, v.data FROM json_each(?1) w "
        "CROSS JOIN passage p ON p.content = w.value AND p.generation = ?2 "
        "LEFT JOIN space s ON s.tenant = p.tenant AND s.embedder = ?3 "
        "LEFT JOIN vector v ON v.space = s.key AND v.text_hash = p.text_hash "
        "ORDER BY p.content, p.ordinal"
        if vectors is not None
        else "SELECT p.key, p.content, p.start, p.stop, p.headings, NULL AS data FROM json_each(?1) w "
        "CROSS JOIN passage p ON p.content = w.value AND p.generation = ?2 ORDER BY p.content, p.ordinal",
        (json.dumps(list(titles)), generation, *(() if vectors is None else (vectors,))),
    ).fetchall()
    spans = [(ContentKey(row["content"]), ByteRange(start=row["start"], end=row["stop"])) for row in rows]
    read = read_texts(connection, spans) if texts else [""] * len(rows)
    passages: defaultdict[int, list[IndexedPassage]] = defaultdict(list)
    for row, text in zip(rows, read, strict=True):
        passages[row["content"]].append(
            IndexedPassage(
                key=PassageKey(row["key"]),
                text=rendered(titles[row["content"]], from_headings(row["headings"]), text) if texts else "",
                vector=None if row["data"] is None else from_blob(row["data"]),
            )
        )
    return passages
