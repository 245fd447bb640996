"""The final read of a query: passages with their texts and with what decides over their use, in one round trip."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragstone_plugins.postgresql.connections import Database
from ragstone_server.spi.catalog_rows import Row, stored_passage
from ragstone_server.spi.catalog_store import GenerationNumber, StoredPassage
from ragstone_server.spi.host import Lane
from ragstone_server.spi.positions import CollectionKey, ContentKey, PassageKey
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.text_blocks import BLOCK_BYTES, decompressed
from ragstone_server.spi.visibility import Attributes

TEXT = f"""
    CROSS JOIN LATERAL (
        SELECT array_agg(b.data ORDER BY b.number) AS blocks, array_agg(b.start ORDER BY b.number) AS starts
        FROM block b WHERE b.content = p.content
            AND b.number BETWEEN p.start / {BLOCK_BYTES} AND (p.stop - 1) / {BLOCK_BYTES}
    ) t
"""  # noqa: S608 - a constant
"""The blocks of the text of a passage `p`."""

_PASSAGES = f"""
    SELECT p.key, p.content, p.generation, p.ordinal, p.id, p.start, p.stop, p.page, p.headings, p.text_hash,
        c.version, c.title, c.superseded, d.key AS document, d.id AS name, d.uri, d.attributes,
        t.blocks, t.starts
    FROM passage p JOIN content c ON c.key = p.content
        JOIN document d ON d.key = c.document {TEXT}
    WHERE p.key = ANY(%s) AND d.collection = %s
"""  # noqa: S608 - constants
_NEIGHBOURS = f"""
    SELECT p.content, p.start, p.stop, t.blocks, t.starts FROM passage p {TEXT}
    WHERE p.content = %s AND p.generation = %s AND p.ordinal BETWEEN %s AND %s ORDER BY p.ordinal
"""  # noqa: S608 - constants


FEW = 8
"""Passages that are decompressed where they are read; more of them would keep the event loop from others."""


async def passages(
    database: Database, lane: Lane, collection: CollectionKey, keys: Sequence[PassageKey]
) -> Mapping[PassageKey, StoredPassage]:
    """As `CatalogStore.passages`."""
    rows = await database.read(_PASSAGES, (list(keys), collection))
    return await lane.run(_stored, rows) if len(rows) > FEW else _stored(rows)


async def neighbours(
    database: Database, content: ContentKey, generation: GenerationNumber, first: int, last: int
) -> tuple[tuple[ByteRange, str], ...]:
    """As `CatalogStore.neighbours`."""
    return tuple(texts(await database.read(_NEIGHBOURS, (content, generation, first, last))))


def _stored(rows: Sequence[Row]) -> Mapping[PassageKey, StoredPassage]:
    attributes = {key: Attributes.from_key(key) for key in {row["attributes"] for row in rows}}
    return {
        PassageKey(row["key"]): stored_passage(row, span, text, attributes[row["attributes"]])
        for row, (span, text) in zip(rows, texts(rows), strict=True)
    }


def texts(rows: Sequence[Row]) -> Iterator[tuple[ByteRange, str]]:
    """Ranges and texts of passages from their blocks; a block that several have is decompressed once."""
    wanted: dict[tuple[Any, int], int] = {}
    for row in rows:
        for start in row["starts"] or ():
            place = row["content"], start
            wanted[place] = max(row["stop"], wanted.get(place, 0))
    opened: dict[tuple[Any, int], bytes] = {}
    for row in rows:
        parts = []
        for start, data in zip(row["starts"] or (), row["blocks"] or (), strict=True):
            place = row["content"], start
            if place not in opened:
                opened[place] = decompressed(data, wanted[place] - start)
            parts.append(opened[place])
        begin = row["starts"][0] if row["starts"] else 0
        span = ByteRange(start=row["start"], end=row["stop"])
        yield span, b"".join(parts)[span.start - begin : span.end - begin].decode()
