"""The statements about generations of a collection's index."""

import sqlite3
from datetime import datetime

from ragstone_plugins.sqlite.blocks import read_texts
from ragstone_plugins.sqlite.cuts import put_passages, space_of
from ragstone_plugins.sqlite.reading import collection_by_key
from ragstone_server.spi.catalog_rows import to_generations, uncut_content
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    Generation,
    GenerationNumber,
    GenerationRecord,
    GenerationState,
    NewCut,
    UncutContent,
)
from ragstone_server.spi.change_batches import fitting
from ragstone_server.spi.generations import FIRST, Generations, Recipe, added, live, moved, without
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey
from ragstone_server.spi.ranges import ByteRange

_UNCUT = """
    SELECT d.key, d.id, c.key AS content, c.content_hash, c.title, c.text_bytes, c.outline, (
        SELECT json_group_array(json_array(page, start)) FROM (
            SELECT page, min(start) AS start FROM passage WHERE content = c.key AND page IS NOT NULL GROUP BY page ORDER BY page
        )
    ) AS pages
    FROM document d CROSS JOIN content c ON c.document = d.key AND c.superseded IS NULL
    WHERE d.collection = ?1 AND d.key > ?3 AND NOT EXISTS (
        SELECT 1 FROM passage WHERE content = c.key AND generation = ?2
    )
    ORDER BY d.key LIMIT ?4
"""
_PASSAGES_OF = """
    SELECT p.key FROM document d CROSS JOIN content c ON c.document = d.key
        CROSS JOIN passage p ON p.content = c.key AND p.generation = ?2
    WHERE d.collection = ?1 LIMIT ?3
"""
_UNUSED_VECTORS = """
    SELECT v.key FROM space s CROSS JOIN vector v ON v.space = s.key
    WHERE s.tenant = (SELECT tenant FROM collection WHERE key = ?1) AND NOT EXISTS (
        SELECT 1 FROM collection k CROSS JOIN json_each(k.generations) g
        WHERE k.tenant = s.tenant AND json_extract(g.value, '$.embedder') = s.embedder
    ) LIMIT ?2
"""


def add(
    connection: sqlite3.Connection,
    collection: CollectionKey,
    generation: Generation,
    recipe: Recipe | None,
    state: GenerationState,
    now: datetime,
) -> CollectionRecord:
    """As `CatalogTransaction.add_generation`; the collection with it."""
    row = connection.execute(
        "UPDATE collection SET last_generation = last_generation + 1 WHERE key = ? RETURNING last_generation AS number",
        (collection,),
    ).fetchone()
    record = GenerationRecord(
        number=GenerationNumber(row["number"]),
        generation=generation,
        recipe=recipe,
        state=state,
        created=now,
        activated=None,
    )
    return _have(connection, collection, added(collection_by_key(connection, collection).generations, record))


def set_state(
    connection: sqlite3.Connection,
    collection: CollectionKey,
    number: GenerationNumber,
    state: GenerationState,
    now: datetime,
) -> CollectionRecord:
    """As `CatalogTransaction.set_generation_state`; the collection with it."""
    generations = collection_by_key(connection, collection).generations
    return _have(connection, collection, moved(generations, number, state, now))


def _have(connection: sqlite3.Connection, collection: CollectionKey, generations: Generations) -> CollectionRecord:
    current = live(generations)
    connection.execute(
        "UPDATE collection SET generations = ?, live_generation = ? WHERE key = ?",
        (to_generations(generations), FIRST if current is None else current.number, collection),
    )
    return collection_by_key(connection, collection)


def put_cut(
    connection: sqlite3.Connection,
    collection: CollectionKey,
    content: ContentKey,
    number: GenerationNumber,
    cut: NewCut,
) -> bool:
    """As `CatalogTransaction.put_cut`."""
    collection_by_key(connection, collection).generation(number)
    lacking = connection.execute(
        "SELECT 1 FROM content c WHERE key = ?1 AND collection = ?2 AND superseded IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM passage WHERE content = c.key AND generation = ?3)",
        (content, collection, number),
    ).fetchone()
    if lacking is None:
        return False
    put_passages(connection, content, number, cut, space_of(connection, collection, cut))
    return True


def uncut(
    connection: sqlite3.Connection, collection: CollectionKey, number: GenerationNumber, after: DocumentKey, limit: int
) -> tuple[UncutContent, ...]:
    """As `CatalogStore.uncut`."""
    rows = connection.execute(_UNCUT, (collection, number, after, limit)).fetchall()
    rows = rows[: fitting([row["text_bytes"] for row in rows])]
    whole = [(ContentKey(row["content"]), ByteRange(start=0, end=row["text_bytes"])) for row in rows]
    texts = read_texts(connection, whole)
    return tuple(uncut_content(row, text) for row, text in zip(rows, texts, strict=True))


def drop_some(connection: sqlite3.Connection, collection: CollectionKey, number: GenerationNumber, limit: int) -> int:
    """As `CatalogStore.drop_generation`; a trigger deletes the vectors of texts that nobody has any more."""
    generations = collection_by_key(connection, collection).generations
    if (kept := without(generations, number)) != generations:
        _have(connection, collection, kept)
    passages = connection.execute(
        f"DELETE FROM passage WHERE key IN ({_PASSAGES_OF})",  # noqa: S608 - a constant
        (collection, number, limit),
    ).rowcount
    if passages:
        return passages
    return connection.execute(f"DELETE FROM vector WHERE key IN ({_UNUSED_VECTORS})", (collection, limit)).rowcount  # noqa: S608 - a constant
