"""A view compared with the catalog while both go on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ragstone_server.indexing.follower import Follower
from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.digests import attributes_digest, text_digest
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.generations import GenerationRecord
from ragstone_server.spi.positions import DocumentKey, Position
from ragstone_server.spi.views import CheckedView, Inventory, ListedView, View, vector_digest

CATCH_UP_S = 60.0
"""How long a view is waited for that is behind."""
PAGE = 500
"""Documents of the catalog that are read at once; their texts are bounded by the catalog."""


class Problem(StrEnum):
    """What is wrong with a view."""

    MISSING = "missing"
    """Passages of the catalog that the view does not have."""
    UNEXPECTED = "unexpected"
    """Passages that the view has and the catalog does not, or not any more."""
    DUPLICATE = "duplicate"
    """Passages that the view has more than once."""
    DIFFERENT = "different"
    """Passages whose vector or text is not the one of the catalog."""
    ATTRIBUTES_DIFFER = "attributes differ"
    """Passages whose readers or metadata are not those of the catalog."""
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
    documents: tuple[DocumentKey, ...] | None
    """Whose passages are wrong, if they are all that is wrong; None: more is, or they are too many to be given again one by one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Wrong:
    keys: NDArray[np.int64]
    """Ascending."""
    seen: NDArray[np.uint64]
    """What view and catalog had, in digests; 0 where a key is wrong by being there or not."""

    @classmethod
    def by_key(cls, keys: NDArray[np.int64]) -> "_Wrong":
        """Wrong by being there, or not."""
        return cls(keys=keys, seen=np.zeros(len(keys), dtype=np.uint64))

    def still(self, later: "_Wrong") -> "_Wrong":
        """What is wrong in the same way later."""
        keys, now, then = np.intersect1d(self.keys, later.keys, assume_unique=True, return_indices=True)
        same = self.seen[now] == later.seen[then]
        return _Wrong(keys=keys[same], seen=self.seen[now][same])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Of the catalog, by passage."""

    keys: NDArray[np.int64]
    documents: NDArray[np.int64]
    vectors: NDArray[np.uint32] | None
    attributes: NDArray[np.uint32]
    texts: NDArray[np.uint32] | None
    upto: Position


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Difference:
    passages: int
    position: Position
    upto: Position
    """Head of the catalog when its last page was read."""
    wrong: dict[Problem, _Wrong]
    held: Inventory
    rows: _Rows

    def documents(self) -> NDArray[np.int64]:
        """Of the passages that are wrong, as the view has them and as the catalog has them."""
        keys = np.concatenate([wrong.keys for wrong in self.wrong.values()])
        ours, theirs = np.isin(self.held.passages, keys), np.isin(self.rows.keys, keys)
        return np.union1d(self.held.documents[ours], self.rows.documents[theirs])


SAMPLES = 10
MOST_MENDED = 1000
"""Documents that a repair gives again one by one; of more the view is built anew."""


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
    Attributes do change under a key: they are wrong where both sides have both times what they had.
    """
    damaged = await view.check() if isinstance(view, CheckedView) else ()
    findings = [Finding(problem=Problem.DAMAGED, count=1, detail=line) for line in damaged]
    head = (await store.collection(collection.name)).head
    try:
        if not isinstance(view, ListedView):
            await _reach(follower, head)
            return ViewReport(
                passages=0, position=view.position, listed=False, findings=tuple(findings), documents=None
            )
        found = await _compared(view, follower, store, collection, generation, head, check)
        if any(len(wrong.keys) for wrong in found.wrong.values()):
            again = await _compared(view, follower, store, collection, generation, found.upto, check)
            both = {problem: wrong.still(again.wrong[problem]) for problem, wrong in found.wrong.items()}
            found = replace(again, wrong=both)
    except _BehindError as error:
        findings.append(Finding(problem=Problem.BEHIND, count=error.changes, detail=error.message))
        return ViewReport(passages=0, position=view.position, listed=False, findings=tuple(findings), documents=None)
    documents = await asyncio.to_thread(found.documents)
    few = not damaged and len(documents) <= MOST_MENDED
    findings += [
        Finding(problem=problem, count=len(wrong.keys), passages=tuple(wrong.keys[:SAMPLES].tolist()))
        for problem, wrong in found.wrong.items()
        if len(wrong.keys)
    ]
    return ViewReport(
        passages=found.passages,
        position=found.position,
        listed=True,
        findings=tuple(findings),
        documents=tuple(map(DocumentKey, documents.tolist())) if few else None,
    )


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
    rows = await _catalog(store, collection, generation, embedder, check, texts=held.texts is not None)
    # Sorting a million keys takes a while, which nobody else is to wait for.
    wrong = await asyncio.to_thread(_wrong, held, rows)
    return _Difference(
        passages=len(rows.keys), position=held.position, upto=rows.upto, wrong=wrong, held=held, rows=rows
    )


def _wrong(held: Inventory, rows: _Rows) -> dict[Problem, _Wrong]:
    """Keys by what is wrong with them."""
    unique, counts = np.unique(held.passages, return_counts=True)
    order = np.argsort(rows.keys)
    ours = np.flatnonzero(np.isin(held.passages, rows.keys))
    theirs = order[np.searchsorted(rows.keys, held.passages[ours], sorter=order)]

    def differing(*digests: tuple[NDArray[np.uint32] | None, NDArray[np.uint32] | None]) -> _Wrong:
        keys, seen = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.uint64)]
        for mine, right in digests:
            if mine is not None and right is not None:
                differs = mine[ours] != right[theirs]
                keys.append(held.passages[ours][differs])
                seen.append(mine[ours][differs].astype(np.uint64) << np.uint64(32) | right[theirs][differs])
        different, first = np.unique(np.concatenate(keys), return_index=True)
        return _Wrong(keys=different, seen=np.concatenate(seen)[first])

    return {
        Problem.MISSING: _Wrong.by_key(np.setdiff1d(rows.keys, unique)),
        Problem.UNEXPECTED: _Wrong.by_key(np.setdiff1d(unique, rows.keys)),
        Problem.DUPLICATE: _Wrong.by_key(unique[counts > 1]),
        Problem.DIFFERENT: differing((held.vectors, rows.vectors), (held.texts, rows.texts)),
        Problem.ATTRIBUTES_DIFFER: differing((held.attributes, rows.attributes)),
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
    *,
    texts: bool,
) -> _Rows:
    """The current passages, those with a vector where vectors are asked for; the head is the last that was read."""
    keys, documents = ([np.empty(0, dtype=np.int64)] for _ in range(2))
    vectors, attributes, hashes = ([np.empty(0, dtype=np.uint32)] for _ in range(3))
    after: DocumentKey | None = DocumentKey(0)
    upto = Position(0)
    while after is not None:
        check()
        batch, after = await store.snapshot(
            collection.key, generation.number, after, PAGE, texts=texts, vectors=embedder
        )
        passages = [
            (change, each)
            for change in batch.changes
            for each in change.passages
            if embedder is None or each.vector is not None
        ]
        keys.append(np.array([each.key for _, each in passages], dtype=np.int64))
        documents.append(np.array([change.document for change, _ in passages], dtype=np.int64))
        of = {change.document: attributes_digest(change.attributes) for change in batch.changes}
        attributes.append(np.array([of[change.document] for change, _ in passages], dtype=np.uint32))
        if texts:
            hashes.append(
                np.array([text_digest(change.language, each.text) for change, each in passages], dtype=np.uint32)
            )
        if embedder is not None and passages:
            vectors.append(vector_digest(np.stack([each.vector for _, each in passages if each.vector is not None])))
        upto = batch.position
    return _Rows(
        keys=np.concatenate(keys),
        documents=np.concatenate(documents),
        vectors=None if embedder is None else np.concatenate(vectors),
        attributes=np.concatenate(attributes),
        texts=np.concatenate(hashes) if texts else None,
        upto=upto,
    )
