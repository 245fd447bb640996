"""Extracted text on disk: compressed blocks, so that a passage is read without the rest of its document."""

import sqlite3
import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ragstone_server.spi.positions import ContentKey
from ragstone_server.spi.ranges import ByteRange

BLOCK_BYTES = 8192


def cut(text: str) -> Iterator[tuple[int, bytes]]:
    """Blocks of a text as (first byte, compressed bytes); a character never lies in two."""
    data = text.encode()
    start = 0
    while start < len(data):
        end = min(start + BLOCK_BYTES, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield start, zlib.compress(data[start:end], 6)
        start = end


def read_texts(
    connection: sqlite3.Connection, wanted: Iterable[tuple[ContentKey, ByteRange]]
) -> dict[tuple[ContentKey, ByteRange], str]:
    """Texts of ranges of several contents; each block is read and decompressed once."""
    by_content: dict[ContentKey, list[ByteRange]] = defaultdict(list)
    for content, span in wanted:
        by_content[content].append(span)
    texts = {}
    for content, spans in by_content.items():
        starts, blocks = _blocks(connection, content, spans)
        for span in spans:
            texts[content, span] = _slice(starts, blocks, span)
    return texts


def _blocks(
    connection: sqlite3.Connection, content: ContentKey, spans: Sequence[ByteRange]
) -> tuple[list[int], list[bytes]]:
    first, last = min(span.start for span in spans), max(span.end for span in spans)
    rows = connection.execute(
        "SELECT start, data FROM block WHERE content = ?1 AND start < ?3 AND start >= "
        "(SELECT max(start) FROM block WHERE content = ?1 AND start <= ?2) ORDER BY start",
        (content, first, last),
    ).fetchall()
    starts = [row["start"] for row in rows]
    needed = {
        i for span in spans for i in range(bisect_right(starts, span.start) - 1, bisect_right(starts, span.end - 1))
    }
    return starts, [zlib.decompress(row["data"]) if i in needed else b"" for i, row in enumerate(rows)]


def _slice(starts: list[int], blocks: list[bytes], span: ByteRange) -> str:
    first, last = bisect_right(starts, span.start) - 1, bisect_right(starts, span.end - 1)
    data = b"".join(blocks[first:last])
    return data[span.start - starts[first] : span.end - starts[first]].decode()
