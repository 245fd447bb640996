"""Events of a source of documents: worked out side by side, applied in the order of the source."""

from collections.abc import Awaitable, Callable, Sequence

from ragstone_server.catalog.applying import LetterOf, Outcome, Step
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.writes import Write, WriteReceipt
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.pipelines.document_events import (
    DeleteEvent,
    DocumentChange,
    ReferenceEvent,
    TombstoneEvent,
    UpsertEvent,
)
from ragstone_server.pipelines.ingest import IngestDocument, version_in
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.sources import SourceMove

Fetch = Callable[[str], Awaitable[bytes]]
"""The content that a URI names. Raises a `RequestError`."""


class ApplyEvents:
    """Works events out, and applies them."""

    def __init__(self, catalog: Catalog, indexes: Indexes, ingest: IngestDocument, fetch: Fetch) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._ingest = ingest
        self._fetch = fetch
        self._written: dict[CollectionKey, CollectionName] = {}
        """Collections that views are to catch up with."""

    async def prepare(self, event: DocumentChange) -> Write:
        """Do everything but the transaction. Raises a `RequestError` that says what is wrong with the event."""
        match event:
            case UpsertEvent():
                return await self._ingest.prepare(event.upload, event.record_time_micros)
            case ReferenceEvent():
                fetched = event.with_content(await self._fetch(event.reference))
                return await self._ingest.prepare(fetched.upload, fetched.record_time_micros)
            case DeleteEvent():
                collection = await self._catalog.collection(event.name.collection)
                version = version_in(collection, event.version, event.record_time_micros)
                return self._catalog.writes.delete(collection, event.name.document, version)
            case TombstoneEvent():
                collection = await self._catalog.collection(event.name.collection)
                return self._catalog.writes.delete(collection, event.name.document, None, tombstone=True)

    async def apply(self, move: SourceMove, steps: Sequence[Step], letter_of: LetterOf) -> list[Outcome]:
        """Apply what a source says, in its order; return when it is on disk. Raises as `Catalog.apply` does."""
        outcomes = await self._catalog.apply(move, steps, letter_of)
        written = {step.collection.key: step.collection for step in steps if isinstance(step, Write)}
        for collection in written.values():
            self._written[collection.key] = collection.name
            self._indexes.nudge(collection)
        return outcomes

    async def view_lag(self) -> int:
        """Changes that the slowest view of those collections is behind that were written to of late."""
        most = 0
        for key, name in list(self._written.items()):
            lag = await self._catalog.view_lag(name)
            most = max(most, lag)
            if not lag:
                self._written.pop(key, None)
        return most

    async def __call__(self, event: DocumentChange) -> WriteReceipt:
        """Apply one event by itself, outside of its source."""
        receipt = None
        while receipt is None:
            write = await self.prepare(event)
            receipt = await self._catalog.commit(write)
        self._indexes.nudge(write.collection)
        return receipt
