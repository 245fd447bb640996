"""Several parts become one: the living rows, in the order of their documents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.part import Columns, Part
from ragstone_server.spi.rows import RowGroups

_BLOCK_ROWS = 8192


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Merge:
    """Where every row of the merged part comes from."""

    sources: tuple[Part, ...]
    rows: tuple[NDArray[np.int64], ...]
    """Of each source, the rows that were living when the merge began."""
    order: NDArray[np.int64]
    """Into the rows of all sources, one after the other."""
    columns: Columns
    """Of the merged part, but for the vectors: (0, dimension)."""

    def blocks(self) -> Iterator[NDArray[np.float16]]:
        """The vectors of the merged part, some thousand rows at a time."""
        ends = np.cumsum([len(rows) for rows in self.rows])
        dimension = self.columns.vectors.shape[1]
        for start in range(0, len(self.order), _BLOCK_ROWS):
            order = self.order[start : start + _BLOCK_ROWS]
            origin = np.searchsorted(ends, order, side="right")
            block = np.empty((len(order), dimension), dtype=np.float16)
            for number, (source, rows) in enumerate(zip(self.sources, self.rows, strict=True)):
                mine = origin == number
                block[mine] = source.columns.vectors[rows[order[mine] - (ends[number] - len(rows))]]
            yield block

    def alive(self, now: Sequence[Part]) -> bits.Bits:
        """Rows of the merged part that are living still; `now` are the sources as they are by now."""
        masks = [bits.to_mask(part.alive, part.rows)[rows] for part, rows in zip(now, self.rows, strict=True)]
        return bits.from_mask(np.concatenate(masks)[self.order])


def merge(sources: Sequence[Part], dimension: int) -> Merge:
    """Plan the merged part; only its vectors are left where they are."""
    groups = RowGroups()
    rows = [bits.to_rows(part.alive, part.rows) for part in sources]
    living = list(zip([part.columns for part in sources], rows, strict=True))
    documents = np.concatenate([columns.documents[kept] for columns, kept in living])
    order = np.argsort(documents, kind="stable")
    columns = Columns(
        vectors=np.zeros((0, dimension), dtype=np.float16),
        keys=np.concatenate([columns.keys[kept] for columns, kept in living])[order],
        documents=documents[order],
        numbers=np.concatenate([_renumbered(columns, kept, groups) for columns, kept in living])[order],
        groups=groups,
    )
    return Merge(sources=tuple(sources), rows=tuple(rows), order=order, columns=columns)


def due(living: Sequence[int], mostly_dead: Sequence[bool]) -> int:
    """How many of the parts, the smallest first, are to be merged into one; 0: none.

    `living` has the rows of each, ascending. What is left then grows more than twofold over all that is smaller, so there are few.
    """
    count = smaller = 0
    for number, (rows, dead) in enumerate(zip(living, mostly_dead, strict=True), 1):
        if dead or (number > 1 and rows <= 2 * smaller):
            count = number
        smaller += rows
    return count


def _renumbered(columns: Columns, rows: NDArray[np.int64], groups: RowGroups) -> NDArray[np.int32]:
    used, places = np.unique(columns.numbers[rows], return_inverse=True)
    fresh = [groups.number(columns.groups.attributes(number)) for number in used.tolist()]
    return np.array(fresh, dtype=np.int32)[places]
