"""Rows of `block`. A block's key is its content's key and its number, so that the blocks of a text lie side by side and are
found without an index; `spi.text_blocks` says where each begins.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence

from ragstone_server.spi.positions import ContentKey
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.text_blocks import cut, decompressed, numbers

NUMBER_BITS = 20
"""Room for texts of 4 GiB; the trigger `content_gone` knows it too."""


def rows_of(content: ContentKey, data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Rows for a text in UTF-8: (key, first byte, compressed bytes)."""
    return ((_key(content, number), start, block) for number, start, block in cut(data))


def read_texts(connection: sqlite3.Connection, wanted: Sequence[tuple[ContentKey, ByteRange]]) -> list[str]:
    """Texts of ranges, of several contents, in their order; each block is read and decompressed once."""
    places = [_keys(content, part) for content, part in wanted]
    ends: dict[int, int] = {}
    for (_, part), keys in zip(wanted, places, strict=True):
        for key in keys:
            ends[key] = max(part.end, ends.get(key, 0))
    rows = connection.execute(
        "SELECT b.key, b.start, b.data FROM json_each(?) w CROSS JOIN block b ON b.key = w.value",
        (json.dumps(sorted(ends)),),
    )
    blocks = {key: (start, decompressed(data, ends[key] - start)) for key, start, data in rows}
    texts = []
    for (_, part), keys in zip(wanted, places, strict=True):
        data = b"".join([blocks[key][1] for key in keys])
        begin = blocks[keys[0]][0] if keys else 0
        texts.append(data[part.start - begin : part.end - begin].decode())
    return texts


def _keys(content: ContentKey, part: ByteRange) -> list[int]:
    return [_key(content, number) for number in numbers(part)]


def _key(content: ContentKey, number: int) -> int:
    return (content << NUMBER_BITS) + number
