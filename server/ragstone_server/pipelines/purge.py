"""Deletes the documents of a collection that pass a filter, or only counts them; a page at a time, resumable."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.operations.kinds import OperationKind, Run, Values
from ragstone_server.spi.catalog_store import CollectionRecord, DefaultReaders, DocumentRecord, VersionScheme
from ragstone_server.spi.errors import CollectionNotFound, VersionStale
from ragstone_server.spi.filters import Filter
from ragstone_server.spi.names import CollectionName, DocumentId, DocumentName
from ragstone_server.spi.operations import NewOperation
from ragstone_server.spi.positions import DocumentKey
from ragstone_server.spi.visibility import Visibility

PURGE = "purge-documents"
EVERYTHING = "*"
"""The filter that every document passes."""
DELETED_AT_ONCE = 100
EXAMINED_AT_ONCE = 1000
SAMPLE = 100
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRequest:
    """Which documents are to go."""

    collection: CollectionName
    filter: str
    """In the language of filters; `*`: all."""
    force: bool
    """Whether they are deleted; otherwise they are only counted."""
    principals: frozenset[str]
    """Who asks: what they may not read is neither counted nor deleted."""


@dataclass(slots=True)
class _Progress:
    total: int = 0
    """Documents in the collection when it began."""
    after: str = ""
    """Id of the last document that was examined."""
    examined: int = 0
    matched: int = 0
    deleted: int = 0
    skipped: int = 0
    """Documents that matched, and were changed or deleted by someone else before their turn came."""
    sample: list[str] = field(default_factory=list)
    pending: list[tuple[str, int, int]] = field(default_factory=list)
    """Id, key and version of those that are deleted next: after a crash, of these it is not known which are gone."""
    finished: bool = False


class PurgeDocuments:
    """What a purge touches is decided when it is asked for: a document that was written since then stays as it is.

    So does one that matched and was changed before its turn came. That holds over crashes, and for a server that was frozen in
    the middle and wakes up after another has taken over: each deletion compares, in its transaction, with what was examined.
    """

    def __init__(self, catalog: Catalog, indexes: Indexes, parse: Callable[[str], Filter | None]) -> None:
        """`parse` reads a filter; it raises `InvalidFilter`."""
        self._catalog = catalog
        self._indexes = indexes
        self._parse = parse

    @property
    def kind(self) -> OperationKind:
        """For the runner."""
        return OperationKind(name=PURGE, work=self)

    async def asked(self, request: PurgeRequest) -> NewOperation:
        """The operation to begin. Raises `CollectionNotFound`, `InvalidFilter`."""
        self._filter(request.filter)
        collection = await self._catalog.collection(request.collection)
        parameters = {
            "collection": str(request.collection),
            "key": collection.key,
            "as_of": collection.head,
            "filter": request.filter,
            "force": request.force,
            "principals": sorted(request.principals),
            "asked": (self._catalog.clock.now() - _BEGIN) // timedelta(microseconds=1),
        }
        return NewOperation(kind=PURGE, parameters=json.dumps(parameters), collection=str(request.collection))

    async def __call__(self, run: Run) -> Values:
        """Examine page by page; keep what is to be deleted next, then delete it."""
        collection = await self._collection(run.parameters)
        progress = _read(run.progress)
        if not run.progress:
            progress.total = await self._catalog.store.document_count(collection.key)
        resumed = True
        while True:
            await self._delete(collection, run.parameters, progress, resumed=resumed)
            if progress.finished:
                break
            await self._examine(collection, run.parameters, progress)
            resumed = False
            await run.step(asdict(progress))
        progress.after = ""  # Of what is deleted nothing is kept, not even an id (P9).
        await run.step(asdict(progress))
        return {key: run.progress[key] for key in ("matched", "deleted", "skipped", "sample")} | {
            "force": run.parameters["force"]
        }

    async def _examine(self, collection: CollectionRecord, parameters: Values, progress: _Progress) -> None:
        limit = DELETED_AT_ONCE if parameters["force"] else EXAMINED_AT_ONCE
        page = await self._catalog.store.documents(collection.key, progress.after, limit)
        progress.finished = len(page) < limit
        if not page:
            return
        visibility = Visibility(
            principals=frozenset(parameters["principals"]),
            default_readable=collection.settings.default_readers is DefaultReaders.TENANT,
            filter=self._filter(parameters["filter"]),
        )
        found = [
            each for each in page if each.position <= parameters["as_of"] and visibility.allows(each.fields.attributes)
        ]
        progress.after = page[-1].document
        progress.examined += len(page)
        progress.matched += len(found)
        if not parameters["force"]:
            progress.sample += [_name(collection, each) for each in found[: SAMPLE - len(progress.sample)]]
        else:
            progress.pending = [(each.document, each.key, each.version) for each in found]

    async def _delete(
        self, collection: CollectionRecord, parameters: Values, progress: _Progress, *, resumed: bool
    ) -> None:
        if not progress.pending:
            return
        done = await asyncio.gather(*(self._delete_one(collection, parameters, each) for each in progress.pending))
        self._indexes.nudge(collection)
        left = {DocumentId(each[0]): each for each, gone in zip(progress.pending, done, strict=True) if not gone}
        stored = await self._catalog.store.versions(collection.key, left) if left else {}
        # After a crash, those that are gone are taken for the ones that this purge had deleted before it.
        gone = {
            each for each, (_, key, _) in left.items() if each not in stored or stored[each].document_key != key
        } if resumed else set()  # fmt: skip
        progress.deleted += sum(done) + len(gone)
        progress.skipped += len(left) - len(gone)
        progress.pending = []

    async def _delete_one(
        self, collection: CollectionRecord, parameters: Values, pending: tuple[str, int, int]
    ) -> bool:
        document, key, version = pending
        by_time = collection.settings.version_scheme is VersionScheme.EVENT_TIME
        write = self._catalog.writes.delete_seen(
            collection,
            DocumentId(document),
            parameters["asked"] if by_time else None,
            (DocumentKey(key), version),
        )
        try:
            return await self._catalog.commit(write) is not None
        except VersionStale:
            return False  # Its event time is after the purge was asked for.

    async def _collection(self, parameters: Values) -> CollectionRecord:
        name = CollectionName.parse(parameters["collection"])
        collection = await self._catalog.collection(name)
        if collection.key != parameters["key"]:
            raise CollectionNotFound(
                f"the collection {name} was deleted, and made anew, while it was purged",
                metadata={"collection": str(name)},
            )
        return collection

    def _filter(self, text: str) -> Filter | None:
        return None if text.strip() == EVERYTHING else self._parse(text)


def _read(progress: Values) -> _Progress:
    values: dict[str, Any] = dict(progress)
    values["pending"] = [tuple(each) for each in values.get("pending", ())]
    return _Progress(**values)


def _name(collection: CollectionRecord, record: DocumentRecord) -> str:
    return str(DocumentName(collection=collection.name, document=record.document))
