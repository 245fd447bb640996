"""Compares the catalog with every view of this process, collection by collection, and repairs on demand; resumable."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from ragstone_server.indexing.collection_index import VIEWS, CollectionIndex
from ragstone_server.indexing.follower import view_name
from ragstone_server.indexing.indexes import OPENED, Indexes
from ragstone_server.indexing.verifying import Problem, ViewReport, verify_view
from ragstone_server.operations.kinds import OperationKind, Run, Values
from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord, every_collection
from ragstone_server.spi.errors import CollectionNotFound, GenerationNotFound, InvalidRequest
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.operations import NewOperation
from ragstone_server.spi.positions import PassageKey

VERIFY = "verify"
MOST_FINDINGS = 500
"""That are kept; further ones are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What is to be compared."""

    collections: tuple[CollectionName, ...]
    """Empty: all that there are when it begins."""
    repair: bool
    """Whether a view with a finding is given its documents again from the catalog: those that are wrong, or all."""


@dataclass(slots=True)
class _Progress:
    collections: list[str] = field(default_factory=list)
    done: int = 0
    """Collections that are done; of the next one, `views` are."""
    views: int = 0
    verified: int = 0
    """Views that were compared."""
    passages: int = 0
    """That were compared."""
    findings: list[dict[str, Any]] = field(default_factory=list)
    found: int = 0
    """Findings, those that are not kept among them."""
    repaired: int = 0
    """Findings of views that were repaired and are in order now."""
    repairing: bool = False
    """Whether the next view had a finding, and its repair was begun."""
    begun: bool = False


class VerifyViews:
    """Needs no pause of writers or queries. A view that is built anew answers less for as long as that takes, and says so."""

    def __init__(self, store: CatalogStore, indexes: Indexes, instance: str) -> None:
        """`instance` is the process whose views these are: it alone can run what is asked here."""
        self._store = store
        self._indexes = indexes
        self._instance = instance

    @property
    def kind(self) -> OperationKind:
        """For the runner."""
        return OperationKind(name=VERIFY, work=self)

    async def asked(self, request: VerifyRequest) -> NewOperation:
        """The operation to begin. Raises `CollectionNotFound`, and `InvalidRequest` in a process without views."""
        if not self._indexes.following:
            raise InvalidRequest("this server has no views to verify; ask one with the role `query`")
        for name in request.collections:
            await self._store.collection(name)
        parameters = {"collections": [str(name) for name in request.collections], "repair": request.repair}
        only = str(request.collections[0]) if len(request.collections) == 1 else ""
        return NewOperation(kind=VERIFY, parameters=json.dumps(parameters), collection=only, runs_on=self._instance)

    async def __call__(self, run: Run) -> Values:
        """A view is a step."""
        progress = _Progress(**dict(run.progress))
        if not progress.begun:
            progress.collections = run.parameters["collections"] or [
                str(each.name) async for each in every_collection(self._store)
            ]
            progress.begun = True
            await run.step(asdict(progress))
        while progress.done < len(progress.collections):
            with suppress(
                CollectionNotFound, GenerationNotFound
            ):  # Where it was deleted meanwhile, its views were too.
                await self._verify(run, progress, await self._collection(progress.collections[progress.done]))
            progress.done, progress.views, progress.repairing = progress.done + 1, 0, False
            await run.step(asdict(progress))
        counts = ("verified", "passages", "findings", "found", "repaired")
        return {"collections": progress.done} | {key: run.progress[key] for key in counts}

    async def _collection(self, name: str) -> CollectionRecord:
        return await self._store.collection(CollectionName.parse(name))

    async def _verify(self, run: Run, progress: _Progress, collection: CollectionRecord) -> None:
        """All generations that have views at all times; one that never had a document has none."""
        numbers = [each.number for each in collection.generations if each.state in OPENED]
        while progress.views < len(VIEWS) * len(numbers):
            async with self._indexes.pin(collection, numbers[progress.views // len(VIEWS)]) as index:
                await self._verify_view(run, progress, collection, index)
            progress.views, progress.repairing = progress.views + 1, False
            await run.step(asdict(progress))

    async def _verify_view(
        self, run: Run, progress: _Progress, collection: CollectionRecord, index: CollectionIndex
    ) -> None:
        short = VIEWS[progress.views % len(VIEWS)]
        name = view_name(short, index.generation.number)
        view, follower = index.views[short], index.followers[short]
        report = await verify_view(view, follower, self._store, collection, index.generation, run.check)
        if report.findings and not progress.repairing:
            await self._tell(progress, collection, name, report)
        # One that is behind with nothing in its way only needs time.
        wrong = [each for each in report.findings if each.problem is not Problem.BEHIND or follower.failure]
        if run.parameters["repair"] and wrong:
            # Kept before the view is changed: whoever goes on after a crash finds a view that is in order again.
            progress.repairing = True
            await run.step(asdict(progress))
            await (follower.rebuild() if report.documents is None else follower.mend(report.documents))
            await view.flush()
            report = await verify_view(view, follower, self._store, collection, index.generation, run.check)
        progress.verified += 1
        progress.passages += report.passages
        if progress.repairing and not report.findings:
            for finding in progress.findings:
                if (finding["collection"], finding["view"]) == (str(collection.name), name):
                    finding["repaired"] = True
                    progress.repaired += 1

    async def _tell(self, progress: _Progress, collection: CollectionRecord, view: str, report: ViewReport) -> None:
        for each in report.findings:
            progress.found += 1
            if len(progress.findings) >= MOST_FINDINGS:
                continue
            progress.findings.append(
                {
                    "collection": str(collection.name),
                    "view": view,
                    "problem": each.problem.value,
                    "count": each.count,
                    "samples": await self._samples(collection, each.problem, each.passages),
                    "detail": each.detail,
                    "repaired": False,
                }
            )

    async def _samples(self, collection: CollectionRecord, problem: Problem, passages: Sequence[int]) -> list[str]:
        """Where the catalog knows the passage, its document and its place in it; otherwise the number alone."""
        if not passages:
            return []
        keys = [PassageKey(each) for each in passages]
        known = await self._store.passages(collection.key, keys)
        return [
            f"{known[key].passage.document} #{known[key].passage.ordinal}" if key in known else f"passage {key}"
            for key in keys
        ]
