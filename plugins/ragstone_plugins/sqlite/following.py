"""What followers read: the present state of documents that changed, or of all."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.sqlite.blocks import read_texts
from ragstone_plugins.sqlite.records import headings
from ragstone_server.spi.catalog_store import LogTrimmed
from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.metadata import Metadata
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.views import ChangeBatch, DocumentChange, IndexedPassage
from ragstone_server.spi.visibility import Attributes

_NO_METADATA: Metadata = {}
_GONE = Attributes(metadata=_NO_METADATA, readers=frozenset())
_AT_ONCE = 500


def changes(
    connection: sqlite3.Connection,
    collection: CollectionKey,
    after: Position,
    limit: int,
    *,
    texts: bool,
    vectors: str | None,
) -> ChangeBatch:
    """As `CatalogStore.changes`."""
    bounds = connection.execute("SELECT head, trimmed FROM collection WHERE key = ?", (collection,)).fetchone()
    if bounds is None:
        return ChangeBatch(changes=(), position=after)
    if after < bounds["trimmed"]:
        raise LogTrimmed
    rows = connection.execute(
        "SELECT position, document FROM change WHERE collection = ? AND position > ? ORDER BY position LIMIT ?",
        (collection, after, limit),
    ).fetchall()
    if not rows:
        return ChangeBatch(changes=(), position=after)
    last = {DocumentKey(row["document"]): row["position"] for row in rows}
    ordered = sorted(last, key=last.__getitem__)
    present = _states(connection, ordered, texts=texts, vectors=vectors)
    gone = (
        present.get(key) or DocumentChange(document=key, attributes=_GONE, language=None, passages=())
        for key in ordered
    )
    return ChangeBatch(changes=tuple(gone), position=Position(rows[-1]["position"]))


def snapshot(
    connection: sqlite3.Connection,
    collection: CollectionKey,
    after: DocumentKey,
    limit: int,
    *,
    texts: bool,
    vectors: str | None,
) -> tuple[ChangeBatch, DocumentKey | None]:
    """As `CatalogStore.snapshot`."""
    row = connection.execute("SELECT head FROM collection WHERE key = ?", (collection,)).fetchone()
    keys = [
        DocumentKey(row["key"])
        for row in connection.execute(
            "SELECT key FROM document WHERE collection = ? AND key > ? ORDER BY key LIMIT ?", (collection, after, limit)
        )
    ]
    present = _states(connection, keys, texts=texts, vectors=vectors)
    batch = ChangeBatch(
        changes=tuple(present[key] for key in keys), position=Position(0 if row is None else row["head"])
    )
    return batch, keys[-1] if len(keys) == limit else None


def _states(
    connection: sqlite3.Connection, keys: Sequence[DocumentKey], *, texts: bool, vectors: str | None
) -> dict[DocumentKey, DocumentChange]:
    states: dict[DocumentKey, DocumentChange] = {}
    for begin in range(0, len(keys), _AT_ONCE):
        group = keys[begin : begin + _AT_ONCE]
        marks = ",".join("?" * len(group))
        documents = connection.execute(
            f"SELECT key, title, language, attributes, content FROM document WHERE key IN ({marks})",  # noqa: S608 - marks only
            group,
        ).fetchall()
        passages = _passages(connection, documents, texts=texts, vectors=vectors)
        for row in documents:
            states[DocumentKey(row["key"])] = DocumentChange(
                document=DocumentKey(row["key"]),
                attributes=Attributes.from_key(row["attributes"]),
                language=row["language"],
                passages=tuple(passages[row["content"]]),
            )
    return states


def _passages(
    connection: sqlite3.Connection, documents: Sequence[sqlite3.Row], *, texts: bool, vectors: str | None
) -> dict[int, list[IndexedPassage]]:
    titles = {row["content"]: row["title"] for row in documents}
    marks = ",".join("?" * len(titles))
    rows = connection.execute(
        "SELECT p.key, p.content, p.start, p.stop, p.headings, v.data FROM passage p "  # noqa: S608 - marks only
        "JOIN content c ON c.key = p.content JOIN document d ON d.key = c.document "
        "JOIN collection k ON k.key = d.collection "
        "LEFT JOIN space s ON s.tenant = k.tenant AND s.embedder = ? "
        "LEFT JOIN vector v ON v.space = s.key AND v.text_hash = p.text_hash "
        f"WHERE p.content IN ({marks}) ORDER BY p.content, p.ordinal",
        (vectors, *titles),
    ).fetchall()
    spans = [(ContentKey(row["content"]), ByteRange(start=row["start"], end=row["stop"])) for row in rows]
    read = read_texts(connection, spans) if texts else {}
    passages: dict[int, list[IndexedPassage]] = defaultdict(list)
    for row, span in zip(rows, spans, strict=True):
        text = rendered(titles[row["content"]], headings(row["headings"]), read[span]) if texts else ""
        passages[row["content"]].append(
            IndexedPassage(key=PassageKey(row["key"]), text=text, vector=_vector(row["data"]) if vectors else None)
        )
    return passages


def _vector(data: bytes | None) -> NDArray[np.float16] | None:
    return None if data is None else np.frombuffer(data, dtype=np.float16)
