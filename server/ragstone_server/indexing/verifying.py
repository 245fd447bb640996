"""A view compared with the catalog while both go on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ragstone_server.indexing.follower import Follower
from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.generations import GenerationRecord
from ragstone_server.spi.positions import DocumentKey, Position
from ragstone_server.spi.views import CheckedView, Inventory, ListedView, View, vector_digest

CATCH_UP_S = 60.0
"""How long a view is waited for that is behind."""
PAGE = 500


class Problem(StrEnum):
    """What is wrong with a view."""

    MISSING = "missing"
    """Passages of the catalog that the view does not have."""
    UNEXPECTED = "unexpected"
    """Passages that the view has and the catalog does not, or not any more."""
    DUPLICATE = "duplicate"
    """Passages that the view has more than once."""
    DIFFERENT = "different"
    """Passages whose vector is not the one of the catalog."""
    DAMAGED = "damaged"
    """A file is not what was written."""
    BEHIND = "behind"
    """It does not follow, and so was not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    problem: Problem
    count: int
    """Of the passages, files or changes that it is about."""
    passages: tuple[int, ...] = ()
    """Keys of the first of them."""
    detail: str = ""
    """More, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewReport:
    """What a comparison found."""

    passages: int
    """Of the catalog, that the view should have."""
    position: Position
    """Of the view when it was compared."""
    listed: bool
    """Whether the view could be compared passage by passage."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Difference:
    passages: int
    position: Position
    upto: Position
    """Head of the catalog when its last page was read."""
    keys: dict[Problem, NDArray[np.int64]]


SAMPLES = 10


async def verify_view(
    view: View,
    follower: Follower,
    store: CatalogStore,
    collection: CollectionRecord,
    generation: GenerationRecord,
    check: Callable[[], None],
) -> ViewReport:
    """Compare a view with the catalog. `check` is called between pages, and may raise.

    The catalog is read page by page while it is written to, so a first comparison may see differences that are none. What it
    sees is compared once more when the view has passed all that the first one had read. Keys of passages are never used again:
    one that is missing both times was in the catalog all the while, and one that is left over both times is not to be there.
    """
    damaged = await view.check() if isinstance(view, CheckedView) else ()
    findings = [Finding(problem=Problem.DAMAGED, count=1, detail=line) for line in damaged]
    head = (await store.collection(collection.name)).head
    try:
        if not isinstance(view, ListedView):
            await _reach(follower, head)
            return ViewReport(passages=0, position=view.position, listed=False, findings=tuple(findings))
        found = await _compared(view, follower, store, collection, generation, head, check)
        if any(len(keys) for keys in found.keys.values()):
            again = await _compared(view, follower, store, collection, generation, found.upto, check)
            both = {problem: np.intersect1d(keys, again.keys[problem]) for problem, keys in found.keys.items()}
            found = _Difference(passages=again.passages, position=again.position, upto=again.upto, keys=both)
    except _BehindError as error:
        findings.append(Finding(problem=Problem.BEHIND, count=error.changes, detail=error.message))
        return ViewReport(passages=0, position=view.position, listed=False, findings=tuple(findings))
    findings += [
        Finding(problem=problem, count=len(keys), passages=tuple(keys[:SAMPLES].tolist()))
        for problem, keys in found.keys.items()
        if len(keys)
    ]
    return ViewReport(passages=found.passages, position=found.position, listed=True, findings=tuple(findings))


class _BehindError(RagstoneError):
    """The view does not follow."""

    def __init__(self, follower: Follower, position: Position) -> None:
        """Behind this position."""
        super().__init__(follower.failure or f"it is at {follower.position}, and the catalog at {position}")
        self.changes = max(1, position - follower.position)


async def _reach(follower: Follower, position: Position) -> None:
    """Return when the view is there. Raises `_BehindError`."""
    try:
        async with asyncio.timeout(CATCH_UP_S):
            await follower.wait_for(position)
    except TimeoutError:
        pass
    if follower.position < position:
        raise _BehindError(follower, position)


async def _compared(
    view: ListedView,
    follower: Follower,
    store: CatalogStore,
    collection: CollectionRecord,
    generation: GenerationRecord,
    least: Position,
    check: Callable[[], None],
) -> _Difference:
    held = await _inventory(view, follower, least, check)
    embedder = None if held.vectors is None else generation.generation.embedder
    keys, digests, upto = await _catalog(store, collection, generation, embedder, check)
    # Sorting a million keys takes a while, which nobody else is to wait for.
    wrong = await asyncio.to_thread(_wrong, held, keys, digests)
    return _Difference(passages=len(keys), position=held.position, upto=upto, keys=wrong)


def _wrong(held: Inventory, keys: NDArray[np.int64], digests: NDArray[np.uint32]) -> dict[Problem, NDArray[np.int64]]:
    """Keys by what is wrong with them, ascending."""
    unique, counts = np.unique(held.passages, return_counts=True)
    different = np.empty(0, dtype=np.int64)
    if held.vectors is not None:
        _, ours, theirs = np.intersect1d(held.passages, keys, return_indices=True)
        different = held.passages[ours][held.vectors[ours] != digests[theirs]]
    return {
        Problem.MISSING: np.setdiff1d(keys, unique),
        Problem.UNEXPECTED: np.setdiff1d(unique, keys),
        Problem.DUPLICATE: unique[counts > 1],
        Problem.DIFFERENT: np.unique(different),
    }


async def _inventory(view: ListedView, follower: Follower, least: Position, check: Callable[[], None]) -> Inventory:
    """At the position or later; a view that is rebuilt in between is waited for. Raises `_BehindError`."""
    while True:
        check()
        await _reach(follower, least)
        held = await view.inventory()
        if held.position >= least:
            return held


async def _catalog(
    store: CatalogStore,
    collection: CollectionRecord,
    generation: GenerationRecord,
    embedder: str | None,
    check: Callable[[], None],
) -> tuple[NDArray[np.int64], NDArray[np.uint32], Position]:
    """Keys of the current passages, the digests of their vectors where these are asked for, and the last head that was read."""
    keys: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    digests: list[NDArray[np.uint32]] = [np.empty(0, dtype=np.uint32)]
    after: DocumentKey | None = DocumentKey(0)
    upto = Position(0)
    while after is not None:
        check()
        batch, after = await store.snapshot(
            collection.key, generation.number, after, PAGE, texts=False, vectors=embedder
        )
        passages = [each for change in batch.changes for each in change.passages]
        if embedder is not None:
            passages = [each for each in passages if each.vector is not None]
            vectors = [each.vector for each in passages if each.vector is not None]
            digests.append(vector_digest(np.stack(vectors)) if vectors else digests[0])
        keys.append(np.array([each.key for each in passages], dtype=np.int64))
        upto = batch.position
    return np.concatenate(keys), np.concatenate(digests), upto
