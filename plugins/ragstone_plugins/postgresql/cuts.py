"""Statements that write the passages of present contents, and their vectors, of one generation or several."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias

from ragstone_plugins.postgresql.connections import Statement
from ragstone_plugins.postgresql.values import to_text
from ragstone_server.spi.catalog_rows import to_blob, to_headings
from ragstone_server.spi.catalog_store import GenerationNumber, NewCut
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey

Cut: TypeAlias = tuple[DocumentId, GenerationNumber, NewCut]
"""Of the present content of a document."""

MOST_ROWS = 1000
"""Rows of a statement: 4 MB of blocks, which are what takes most."""

# One by one by the index. Of a plain join the planner thinks, as long as its statistics are old, that few documents are in the
# collection, and reads them all.
OF_ITS_DOCUMENT = """
    CROSS JOIN LATERAL (SELECT key, collection FROM document WHERE collection = %(collection)s AND id = w.id LIMIT 1) d
"""
OF_ITS_CONTENT = f"{OF_ITS_DOCUMENT} JOIN content c ON c.document = d.key AND c.superseded IS NULL"
_PASSAGES = f"""
    INSERT INTO passage (content, generation, tenant, ordinal, id, start, stop, page, headings, text_hash, tokens)
    SELECT c.key, w.generation, k.tenant, w.ordinal, w.passage, w.start, w.stop, w.page, w.headings, w.text_hash, w.tokens
    FROM unnest(%(ids)s::text[], %(generations)s::integer[], %(ordinals)s::integer[], %(passages)s::text[], %(starts)s::bigint[],
            %(stops)s::bigint[], %(pages)s::integer[], %(headings)s::text[], %(hashes)s::bytea[], %(tokens)s::integer[])
        AS w (id, generation, ordinal, passage, start, stop, page, headings, text_hash, tokens) {OF_ITS_CONTENT}
        JOIN collection k ON k.key = c.collection
    ORDER BY w.id, w.generation, w.ordinal
"""  # noqa: S608 - a constant
_COLUMNS = ("ids", "generations", "ordinals", "passages", "starts", "stops", "pages", "headings", "hashes", "tokens")
_SPACES = """
    INSERT INTO space (tenant, embedder) SELECT k.tenant, w.embedder
    FROM (SELECT DISTINCT unnest(%s::text[]) AS embedder) w JOIN collection k ON k.key = %s
    WHERE NOT EXISTS (SELECT 1 FROM space s WHERE s.tenant = k.tenant AND s.embedder = w.embedder)
    ON CONFLICT DO NOTHING
"""
# In one order everywhere, so that no two transactions wait for each other's vectors.
_VECTORS = """
    INSERT INTO vector SELECT s.key, w.text_hash, w.data
    FROM unnest(%s::text[], %s::bytea[], %s::bytea[]) AS w (embedder, text_hash, data)
        JOIN collection k ON k.key = %s JOIN space s ON s.tenant = k.tenant AND s.embedder = w.embedder
    ORDER BY s.key, w.text_hash ON CONFLICT DO NOTHING
"""


def cut_statements(collection: CollectionKey, cuts: Sequence[Cut]) -> Iterator[Statement]:
    """Write them. The tenant's vectors are locked."""
    passages = (
        (
            document,
            generation,
            ordinal,
            passage.passage_id,
            passage.range.start,
            passage.range.end,
            passage.page,
            to_headings(tuple(to_text(heading) for heading in passage.headings)),
            passage.text_hash,
            passage.tokens,
        )
        for document, generation, cut in cuts
        for ordinal, passage in enumerate(cut.passages)
    )
    for rows in some_at_a_time(passages):
        yield _PASSAGES, named(collection, rows, *_COLUMNS)
    yield _SPACES, ([cut.generation.embedder for _, _, cut in cuts], collection)
    for rows in some_at_a_time(_vectors([cut for _, _, cut in cuts])):
        yield _VECTORS, (*_columns(rows, 3), collection)


def named(collection: CollectionKey, rows: Sequence[tuple[Any, ...]], *names: str) -> dict[str, Any]:
    """Each column of the rows under its name, and the collection."""
    columns = dict(zip(names, _columns(rows, len(names)), strict=True))
    return {"collection": collection, **columns}


def some_at_a_time(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """As many as a statement takes with ease."""
    rows = iter(rows)
    while some := list(islice(rows, MOST_ROWS)):
        yield some


def _vectors(cuts: Sequence[NewCut]) -> Iterator[tuple[str, bytes, bytes]]:
    """(embedder, hash of the text, vector), in the order in which everybody writes them."""
    found = {}
    for cut in cuts:
        # Those of no passage of the document would never be found again to be deleted.
        for key in {passage.text_hash for passage in cut.passages} & cut.vectors.keys():
            found[cut.generation.embedder, key] = cut.vectors[key]
    for embedder, key in sorted(found):
        yield embedder, key, to_blob(found[embedder, key])


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[i] for row in rows] for i in range(width)]
