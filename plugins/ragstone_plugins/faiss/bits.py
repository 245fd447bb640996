"""Sets of rows as packed bits, least significant first: the layout of `faiss.IDSelectorBitmap`."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Bits: TypeAlias = NDArray[np.uint8]
"""(ceil(rows / 8),); never changed in place, so that a search may keep using one."""


def from_mask(mask: NDArray[np.bool_]) -> Bits:
    """The rows whose mask is true."""
    return np.packbits(mask, bitorder="little")


def to_mask(bits: Bits, rows: int) -> NDArray[np.bool_]:
    """A mask of `rows` rows."""
    return np.unpackbits(bits, count=rows, bitorder="little").view(np.bool_)


def to_rows(bits: Bits, rows: int) -> NDArray[np.int64]:
    """Row numbers, ascending."""
    return np.flatnonzero(to_mask(bits, rows))


def count(bits: Bits) -> int:
    """How many rows are in the set."""
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def without(bits: Bits, rows: NDArray[np.int64]) -> Bits:
    """A copy without some rows."""
    copy = bits.copy()
    np.bitwise_and.at(copy, rows >> 3, np.bitwise_not(np.left_shift(1, rows & 7).astype(np.uint8)))
    return copy


def full(rows: int) -> Bits:
    """All of `rows` rows."""
    return from_mask(np.ones(rows, dtype=np.bool_))
