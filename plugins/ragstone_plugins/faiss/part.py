"""A part of a view: rows that are searched together, exactly. The fresh head and every segment file are one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.sketch import FACTOR
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.visibility import Visibility

Found: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Scores, descending, and the keys of the passages."""

_GATHERED_ROWS = 1000
_GATHERED_SHARE = 1 / 50
_OVERFETCHED_SHARE = 3 / 4
_SKETCHED_SHARE = 1 / 100
_SPARE = 1.5
"""Candidates for each that is needed, since not each part of a ranking has the filter's share."""
_LEAST_SKETCHED = 100
"""Rows that a sketch is asked for at the least, which tells the best of them well (the figures are in docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Rows side by side: row `i` of every array is one passage."""

    vectors: NDArray[np.float16]
    """(rows, dimension)"""
    keys: NDArray[np.int64]
    documents: NDArray[np.int64]
    numbers: NDArray[np.int32]
    """Into `groups`."""
    groups: RowGroups


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Immutable: what changes a part makes another one over the same arrays."""

    columns: Columns
    alive: bits.Bits
    index: Any
    """An `IndexScalarQuantizer` over the memory of `columns.vectors`."""
    by_document: bool
    """Whether the rows are in the order of their documents."""
    sketch: Any = None
    """An `IndexRefine` over the same rows, of a large segment."""

    @classmethod
    def over(cls, columns: Columns, alive: bits.Bits, *, by_document: bool) -> "Part":
        """A part over arrays that stay where they are."""
        return cls(columns=columns, alive=alive, index=_index_over(columns.vectors), by_document=by_document)

    @property
    def rows(self) -> int:
        """How many rows there are, deleted ones too."""
        return len(self.columns.keys)

    @property
    def living(self) -> int:
        """How many rows are not deleted."""
        return bits.count(self.alive)

    def without_documents(self, documents: NDArray[np.int64]) -> "Part":
        """The part with these documents, sorted ascending, deleted."""
        rows = self._rows_of(documents)
        return replace(self, alive=bits.without(self.alive, rows)) if len(rows) else self

    def _rows_of(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        if not self.by_document:
            return np.flatnonzero(np.isin(self.columns.documents, documents))
        first = np.searchsorted(self.columns.documents, documents, side="left")
        end = np.searchsorted(self.columns.documents, documents, side="right")
        ranges = [np.arange(a, b, dtype=np.int64) for a, b in zip(first, end, strict=True) if a < b]
        return np.concatenate(ranges) if ranges else np.zeros(0, dtype=np.int64)

    def nearest(self, vector: NDArray[np.float32], visibility: Visibility, limit: int) -> Found:
        """The best `limit` living rows that the visibility allows. `vector` is (1, dimension)."""
        passing = self.columns.groups.passing(visibility)
        allowed = self.alive
        if not passing.all():
            allowed = allowed & bits.from_mask(passing[self.columns.numbers])
        count = bits.count(allowed)
        if count == 0:
            return np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)
        # Four ways to the same rows; each is the fastest over its range of `count`.
        if count <= min(_GATHERED_ROWS, self.rows * _GATHERED_SHARE):
            scores, rows = self._gathered(vector, bits.to_rows(allowed, self.rows), limit)
        elif count >= self.rows * _OVERFETCHED_SHARE:
            scores, rows = self._overfetched(vector, allowed, count, limit)
        else:
            found = self._sketched(vector, allowed, count, limit) if count >= self.rows * _SKETCHED_SHARE else None
            scores, rows = found or self._selected(vector, allowed, min(limit, count))
        return scores, self.columns.keys[rows]

    def _gathered(self, vector: NDArray[np.float32], rows: NDArray[np.int64], limit: int) -> Found:
        # No `@`: BLAS would start threads of its own.
        scores = np.einsum("ij,j->i", self.columns.vectors[rows].astype(np.float32), vector[0])
        order = np.argsort(-scores, kind="stable")[:limit]
        return scores[order], rows[order]

    def _sketched(self, vector: NDArray[np.float32], allowed: bits.Bits, count: int, limit: int) -> Found | None:
        """By the sketch's candidates that are allowed; None where these are too few, as of a filter that goes with the question."""
        candidates = min(max(limit, _LEAST_SKETCHED), count) * FACTOR
        fetch = int(candidates * _SPARE * self.rows / count)
        if self.sketch is None or fetch > self.rows // 2:
            return None
        rows = self.sketch.base_index.search(vector, fetch)[1][0]
        rows = rows[_contains(allowed, rows)]
        return self._gathered(vector, np.sort(rows), limit) if len(rows) >= candidates else None

    def _selected(self, vector: NDArray[np.float32], allowed: bits.Bits, limit: int) -> Found:
        selector = faiss.IDSelectorBitmap(self.rows, faiss.swig_ptr(allowed))
        parameters: Any = faiss.SearchParameters  # its stub knows no arguments
        scores, rows = self.index.search(vector, limit, params=parameters(sel=selector))
        return scores[0], rows[0]

    def _overfetched(self, vector: NDArray[np.float32], allowed: bits.Bits, count: int, limit: int) -> Found:
        wanted = min(limit, count)
        fetch = wanted if count == self.rows else min(self.rows, wanted * 3 // 2 + 16)
        if self.sketch is not None:
            fetch = max(fetch, min(self.rows, _LEAST_SKETCHED))
        while True:
            sketched = self.sketch is not None and fetch * FACTOR <= self.rows
            scores, rows = (self.sketch if sketched else self.index).search(vector, fetch)
            kept = _contains(allowed, rows[0])
            if fetch == self.rows or np.count_nonzero(kept) >= wanted:
                return scores[0][kept][:wanted], rows[0][kept][:wanted]
            fetch = min(self.rows, fetch * 2)


def _contains(allowed: bits.Bits, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    contained: NDArray[np.bool_] = (allowed[rows >> 3] >> (rows & 7).astype(np.uint8)) & 1 == 1
    return contained


def best(found: Sequence[Found], limit: int) -> Found:
    """The best `limit` of several parts."""
    scores = np.concatenate([scores for scores, _ in found])
    keys = np.concatenate([keys for _, keys in found])
    order = np.argsort(-scores, kind="stable")[:limit]
    return scores[order], keys[order]


def _index_over(vectors: NDArray[np.float16]) -> Any:
    """Search memory that FAISS does not own: as `MaybeOwnedVector::create_view`, which Python cannot call."""
    codes = np.ascontiguousarray(vectors).view(np.uint8).reshape(-1)
    pointer = faiss.swig_ptr(codes)
    view: Any = faiss.MaybeOwnedVectorUInt8()
    view.is_owned = False
    view.view_data = view.c_ptr = pointer
    view.view_size = view.c_size = codes.size
    index: Any = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.codes = view
    index.ntotal = len(vectors)
    index.referenced_objects = [codes]
    return index
