"""The passages of a content, and their vectors, of one generation."""

import sqlite3

from ragstone_plugins.sqlite.many import groups, marks
from ragstone_server.spi.catalog_rows import to_blob, to_headings
from ragstone_server.spi.catalog_store import GenerationNumber, NewCut, VectorsMissing
from ragstone_server.spi.positions import CollectionKey, ContentKey

_TENANT = "(SELECT tenant FROM collection WHERE key = ?1)"


def space_of(connection: sqlite3.Connection, collection: CollectionKey, cut: NewCut) -> int:
    """Key of the vectors' space, after a look whether every passage will have one. Raises `VectorsMissing`."""
    connection.execute(
        f"INSERT INTO space (tenant, embedder) SELECT {_TENANT}, ?2 "  # noqa: S608 - a constant
        f"WHERE NOT EXISTS (SELECT 1 FROM space WHERE tenant = {_TENANT} AND embedder = ?2)",
        (collection, cut.generation.embedder),
    )
    space = connection.execute(
        f"SELECT key FROM space WHERE tenant = {_TENANT} AND embedder = ?2",  # noqa: S608 - a constant
        (collection, cut.generation.embedder),
    ).fetchone()["key"]
    absent = list({passage.text_hash for passage in cut.passages} - cut.vectors.keys())
    for group in groups(absent):
        found = connection.execute(
            f"SELECT count(*) FROM vector WHERE space = ? AND text_hash IN ({marks(group)})",  # noqa: S608 - question marks only
            (space, *group),
        ).fetchone()[0]
        if found < len(group):
            raise VectorsMissing
    return int(space)


def put_passages(
    connection: sqlite3.Connection, content: ContentKey, generation: GenerationNumber, cut: NewCut, space: int
) -> None:
    """Write them, with the vectors that the space does not have yet."""
    connection.executemany(
        "INSERT INTO passage (content, generation, tenant, ordinal, id, start, stop, page, headings, text_hash, tokens) "
        "SELECT ?, ?, tenant, ?, ?, ?, ?, ?, ?, ?, ? FROM space WHERE key = ?",
        (
            (
                content,
                generation,
                ordinal,
                passage.passage_id,
                passage.range.start,
                passage.range.end,
                passage.page,
                to_headings(passage.headings),
                passage.text_hash,
                passage.tokens,
                space,
            )
            for ordinal, passage in enumerate(cut.passages)
        ),
    )
    # Those of no passage of the document would never be found again to be deleted.
    used = {passage.text_hash for passage in cut.passages}
    connection.executemany(
        "INSERT INTO vector (space, text_hash, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        ((space, key, to_blob(vector)) for key, vector in cut.vectors.items() if key in used),
    )
