"""The head: fresh rows in memory, in arrays with room to grow."""

from collections.abc import Sequence

import numpy as np

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.part import Columns, Part
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.views import DocumentChange

_FIRST_ROOM = 256


class Head:
    """Grows behind the parts that it has handed out: what they see never moves, so searches go on while it grows."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._groups = RowGroups()
        self._room = 0
        self._make_room(_FIRST_ROOM, None)

    def _make_room(self, rows: int, former: Part | None) -> None:
        kept = former.rows if former else 0
        vectors = np.zeros((rows, self._dimension), dtype=np.float16)
        keys, documents = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        numbers = np.zeros(rows, dtype=np.int32)
        if former:
            vectors[:kept], keys[:kept] = former.columns.vectors, former.columns.keys
            documents[:kept], numbers[:kept] = former.columns.documents, former.columns.numbers
        self._vectors, self._keys, self._documents, self._numbers = vectors, keys, documents, numbers
        self._room = rows

    def extended(self, part: Part | None, changes: Sequence[DocumentChange]) -> Part | None:
        """The part with the passages of these changes behind its own. `part` is the last that was handed out."""
        start = part.rows if part else 0
        fresh = [(passage, change) for change in changes for passage in change.passages if passage.vector is not None]
        end = start + len(fresh)
        if not fresh:
            return part
        if end > self._room:
            self._make_room(max(end, 2 * self._room), part)
        for row, (passage, change) in enumerate(fresh, start):
            self._vectors[row] = passage.vector
            self._keys[row], self._documents[row] = passage.key, change.document
            self._numbers[row] = self._groups.number(change.attributes)
        living = np.ones(end, dtype=np.bool_)
        if part:
            living[:start] = bits.to_mask(part.alive, start)
        columns = Columns(
            vectors=self._vectors[:end],
            keys=self._keys[:end],
            documents=self._documents[:end],
            numbers=self._numbers[:end],
            groups=self._groups,
        )
        return Part.over(columns, bits.from_mask(living), by_document=False)
