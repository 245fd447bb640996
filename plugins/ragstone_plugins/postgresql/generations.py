"""The statements about generations of a collection's index."""

from collections.abc import Sequence

from ragstone_plugins.postgresql.connections import Database, Transaction
from ragstone_plugins.postgresql.passages import texts
from ragstone_plugins.postgresql.reading import the_collection
from ragstone_plugins.postgresql.values import lock_tenant
from ragstone_server.spi.catalog_rows import Row, to_generations, uncut_content
from ragstone_server.spi.catalog_store import GenerationNumber, UncutContent
from ragstone_server.spi.change_batches import fitting
from ragstone_server.spi.generations import FIRST, Generations, live, without
from ragstone_server.spi.host import Lane
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey

_LOCK = "SELECT * FROM collection WHERE key = %s FOR NO KEY UPDATE"
_NEXT = "UPDATE collection SET last_generation = last_generation + 1 WHERE key = %s RETURNING last_generation"
_HAVE = "UPDATE collection SET generations = %s, live_generation = %s WHERE key = %s"
_LACKING = """
    SELECT d.id FROM content c JOIN document d ON d.key = c.document
    WHERE c.key = %(content)s AND c.collection = %(collection)s AND c.superseded IS NULL
        AND NOT EXISTS (SELECT 1 FROM passage WHERE content = c.key AND generation = %(generation)s)
"""
_UNCUT = """
    SELECT d.key, d.id, c.key AS content, c.content_hash, c.title, c.text_bytes, c.outline, 0 AS start, c.text_bytes AS stop,
        (SELECT array_agg(data ORDER BY number) FROM block WHERE content = c.key) AS blocks,
        (SELECT array_agg(start ORDER BY number) FROM block WHERE content = c.key) AS starts,
        coalesce((
            SELECT json_agg(json_build_array(page, start) ORDER BY page) FROM (
                SELECT page, min(start) AS start FROM passage WHERE content = c.key AND page IS NOT NULL GROUP BY page
            ) p
        )::text, '[]') AS pages
    FROM document d JOIN content c ON c.document = d.key AND c.superseded IS NULL WHERE c.key = ANY(%s) ORDER BY d.key
"""
_UNCUT_KEYS = """
    SELECT c.key, c.text_bytes FROM document d JOIN content c ON c.document = d.key AND c.superseded IS NULL
    WHERE d.collection = %(collection)s AND d.key > %(after)s
        AND NOT EXISTS (SELECT 1 FROM passage WHERE content = c.key AND generation = %(generation)s)
    ORDER BY d.key LIMIT %(limit)s
"""
_DROP_PASSAGES = """
    DELETE FROM passage WHERE key IN (
        SELECT p.key FROM content c JOIN passage p ON p.content = c.key AND p.generation = %s WHERE c.document IN (
            SELECT key FROM document WHERE collection = %s
        ) LIMIT %s
    ) RETURNING key
"""
_DROP_VECTORS = """
    DELETE FROM vector WHERE (space, text_hash) IN (
        SELECT v.space, v.text_hash FROM space s JOIN vector v ON v.space = s.key
        WHERE s.tenant = (SELECT tenant FROM collection WHERE key = %s) AND NOT EXISTS (
            SELECT 1 FROM collection k CROSS JOIN LATERAL json_array_elements(k.generations::json) g
            WHERE k.tenant = s.tenant AND g ->> 'embedder' = s.embedder
        ) LIMIT %s
    ) RETURNING space
"""


async def next_number(transaction: Transaction, collection: CollectionKey) -> GenerationNumber:
    """One that none has had."""
    rows = await transaction.run(_NEXT, (collection,))
    return GenerationNumber(rows[0]["last_generation"])


async def have(transaction: Transaction, collection: CollectionKey, generations: Generations) -> None:
    """Write what generations the collection has."""
    current = live(generations)
    number = FIRST if current is None else current.number
    await transaction.run(_HAVE, (to_generations(generations), number, collection))


async def lacking(
    transaction: Transaction, collection: CollectionKey, content: ContentKey, number: GenerationNumber
) -> DocumentId | None:
    """The document of a present content that has no passages of the generation; None: there is no such."""
    wanted = {"content": content, "collection": collection, "generation": number}
    rows = await transaction.run(_LACKING, wanted)
    return DocumentId(rows[0]["id"]) if rows else None


async def uncut(
    database: Database, lane: Lane, collection: CollectionKey, number: GenerationNumber, after: DocumentKey, limit: int
) -> tuple[UncutContent, ...]:
    """As `CatalogStore.uncut`."""
    async with database.snapshot() as transaction:
        wanted = {"collection": collection, "generation": number, "after": after, "limit": limit}
        keys = await transaction.run(_UNCUT_KEYS, wanted)
        keys = keys[: fitting([row["text_bytes"] for row in keys])]
        rows = await transaction.run(_UNCUT, ([row["key"] for row in keys],)) if keys else []
    return await lane.run(_contents, rows)


def _contents(rows: Sequence[Row]) -> tuple[UncutContent, ...]:
    return tuple(uncut_content(row, text) for row, (_, text) in zip(rows, texts(rows), strict=True))


async def drop_some(database: Database, collection: CollectionKey, number: GenerationNumber, limit: int) -> int:
    """As `CatalogStore.drop_generation`; a trigger deletes the vectors of texts that nobody has any more."""
    async with database.transaction() as transaction:
        rows, _ = await transaction.together((_LOCK, (collection,)), lock_tenant(collection, alone=True))
        generations = the_collection(rows).generations
        if (kept := without(generations, number)) != generations:
            await have(transaction, collection, kept)
        gone = await transaction.run(_DROP_PASSAGES, (number, collection, limit))
        return len(gone) or len(await transaction.run(_DROP_VECTORS, (collection, limit)))
