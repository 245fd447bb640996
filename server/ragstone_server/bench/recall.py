"""How many of the truly nearest passages a view finds, at every share of passages that a filter lets pass."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ragstone_server.app.data_directory import instance_of
from ragstone_server.bench.parts import parts
from ragstone_server.indexing.collection_index import CollectionIndex, IndexKinds
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.spi.context import Caller, RequestContext
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.kinds import CATALOG, EMBEDDER, LEXICAL_INDEX, VECTOR_INDEX
from ragstone_server.spi.metadata import Metadata
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.views import VectorQuery
from ragstone_server.spi.visibility import Visibility

NEAREST: Final = 10
LIMIT: Final = 100
"""Passages that are asked for, as the server does."""
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


async def recall(
    data_dir: Path, collection: CollectionName, vectors: NDArray[np.float16], questions: Sequence[str]
) -> list[Filtered]:
    """Search the view in `data_dir`, on which no server runs, and scan the vectors themselves; row i is the passage i."""
    async with _opened(data_dir, collection) as (index, embedder):
        asked = np.vstack([await embedder(EmbedRequest(texts=(q,), purpose=Purpose.QUESTION)) for q in questions])
        truth = _nearest(vectors, asked)
        return [await _searched(index, collection, asked, share, truth[share]) for share in SHARES]


@asynccontextmanager
async def _opened(data_dir: Path, name: CollectionName) -> AsyncIterator[tuple[CollectionIndex, Embedder]]:
    async with parts(data_dir) as opened:
        registry, clock = opened.registry, opened.host.clock
        store, embedder = await registry.open(CATALOG), await registry.open(EMBEDDER)
        kinds = IndexKinds(
            vector=await registry.open(VECTOR_INDEX), lexical=await registry.open(LEXICAL_INDEX), embedder=embedder
        )
        settings, views = opened.configuration.indexing, data_dir / "views"
        collection = await store.collection(name)
        async with (
            Indexes(kinds, store, views, settings, clock, instance_of(data_dir)).running() as indexes,
            indexes.pin(collection) as index,
        ):
            await index.wait_for(collection.head)
            yield index, embedder


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


async def _searched(
    index: CollectionIndex,
    collection: CollectionName,
    asked: NDArray[np.float32],
    share: float,
    truth: NDArray[np.float32],
) -> Filtered:
    context = RequestContext(request_id="bench", caller=Caller(principal="user:bench"), collection=collection)
    passing = None if share == 1 else Comparison(field=SHARE, operator=Operator.LESS, value=int(share * PARTS))
    visibility = Visibility(principals=frozenset(), default_readable=True, filter=passing)
    found, taken = 0, []
    cpu = time.process_time()
    for vector, nearest in zip(asked, truth, strict=True):
        began = time.perf_counter()
        hits = await index.vectors.search(
            VectorQuery(context=context, vector=vector, limit=LIMIT, visibility=visibility)
        )
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
