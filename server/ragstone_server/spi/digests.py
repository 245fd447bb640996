"""What a view holds of a passage, in 32 bits a part: how `Verify` compares views with the catalog without moving them.

CRC-32 tells accidents, of which one in four thousand millions goes unseen; it is no protection against forgery.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.visibility import Attributes


def attributes_digest(attributes: Attributes) -> int:
    """CRC-32 of the canonical text of readers and metadata."""
    return zlib.crc32(attributes.key.encode("utf-8", "surrogatepass"))


def group_digests(groups: RowGroups, numbers: NDArray[np.int64]) -> NDArray[np.uint32]:
    """`attributes_digest` of what each of the numbers, (rows,), stands for; 0 for a number that is not in use."""
    used, rows = np.unique(numbers, return_inverse=True)
    return np.array([_group_digest(groups, number) for number in used.tolist()], dtype=np.uint32)[rows]


def _group_digest(groups: RowGroups, number: int) -> int:
    try:
        return attributes_digest(groups.attributes(number))
    except LookupError:
        return 0


def text_digest(language: str | None, text: str) -> int:
    """CRC-32 of a text as it is rendered for search, and of what is known of its language."""
    return zlib.crc32(f"{language or ''}\n{text}".encode("utf-8", "surrogatepass"))
