"""What tests of the FAISS view share."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ragstone_server.spi.positions import DocumentKey, PassageKey
from ragstone_server.spi.views import DocumentChange, IndexedPassage, VectorView
from ragstone_server.testing.conformance.view_samples import EVERYONE, OPEN
from ragstone_server.testing.conformance.views import VectorIndexConformance

DIMENSION = 128
ROWS = 24_000
"""Enough for a sketch."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def keys(view: VectorView) -> list[int]:
    """All that can be found."""
    return sorted(hit.key for hit in (await view.search(VectorIndexConformance().query(EVERYONE, 100_000))).hits)


def segments(directory: Path) -> list[str]:
    """Files of segments."""
    return sorted(path.name for path in directory.glob("*.segment"))


def many(rows: int = ROWS, first: int = 0) -> list[DocumentChange]:
    """Documents of ten passages with random vectors."""
    vectors = np.random.default_rng(first).standard_normal((rows, DIMENSION))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    return [
        DocumentChange(
            document=DocumentKey((first + n) // 10 + 1),
            attributes=OPEN,
            language=None,
            passages=tuple(
                IndexedPassage(key=PassageKey(first + row), text="", vector=vectors[row]) for row in range(n, n + 10)
            ),
        )
        for n in range(0, rows, 10)
    ]
