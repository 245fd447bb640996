"""How many of the truly nearest passages a view finds, at every share of passages that a filter lets pass."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ragstone_server.bench.opened import EVERYTHING, LIMIT, Opened
from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.metadata import Metadata
from ragstone_server.spi.views import VectorQuery

NEAREST: Final = 10
SHARE: Final = "share"
"""The field of metadata that the filters look at; its values are 0 to `PARTS` - 1, evenly."""
PARTS: Final = 10_000
SHARES: Final = (1.0, 0.1, 0.01, 0.001, 0.0001)
"""Of the passages, that a filter lets pass."""
_STRIDE: Final = 7919
_BLOCK: Final = 16_384
_TIE: Final = 1e-5
"""Scores that differ by less are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """Searches in which this share of the passages passes."""

    share: float
    recall: float
    """Of the nearest `NEAREST`, the share that was found."""
    p50_ms: float
    cpu_ms: float
    """Of processor time a search."""


def metadata(number: int) -> Metadata:
    """Of the passage with this number."""
    return {SHARE: number * _STRIDE % PARTS}


async def recall(opened: Opened, vectors: NDArray[np.float16], questions: Sequence[str]) -> list[Filtered]:
    """Search the view, and scan the vectors themselves; row i is the passage i."""
    asked = np.vstack([await opened.embed(question) for question in questions])
    truth = _nearest(vectors, asked)
    return [await _searched(opened, asked, share, truth[share]) for share in SHARES]


def _passing(rows: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    return rows * _STRIDE % PARTS < share * PARTS


def _nearest(vectors: NDArray[np.float16], asked: NDArray[np.float32]) -> Mapping[float, NDArray[np.float32]]:
    """(questions, `NEAREST`) of scores, descending, by share."""
    best = {share: np.full((len(asked), NEAREST), -np.inf, dtype=np.float32) for share in SHARES}
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK].astype(np.float32)
        scores = asked @ block.T
        rows = np.arange(start, start + len(block))
        for share, known in best.items():
            both = np.hstack([known, scores[:, _passing(rows, share)]])
            best[share] = -np.sort(-both, axis=1)[:, :NEAREST]
    return best


async def _searched(opened: Opened, asked: NDArray[np.float32], share: float, truth: NDArray[np.float32]) -> Filtered:
    passing = None if share == 1 else Comparison(field=SHARE, operator=Operator.LESS, value=int(share * PARTS))
    visibility = replace(EVERYTHING, filter=passing)
    found, taken = 0, []
    cpu = time.process_time()
    for vector, nearest in zip(asked, truth, strict=True):
        began = time.perf_counter()
        query = VectorQuery(context=opened.context, vector=vector, limit=LIMIT, visibility=visibility)
        hits = await opened.index.vectors.search(query)
        taken.append(time.perf_counter() - began)
        there = nearest[np.isfinite(nearest)]
        scores = np.array([hit.score for hit in hits.hits[:NEAREST]])
        found += int(np.count_nonzero(scores[: len(there)] >= there[-1] - _TIE)) + NEAREST - len(there)
    return Filtered(
        share=share,
        recall=found / (NEAREST * len(asked)),
        p50_ms=median(taken) * 1e3,
        cpu_ms=(time.process_time() - cpu) * 1e3 / len(asked),
    )
