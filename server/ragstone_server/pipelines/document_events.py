"""Events of a source of documents: worked out side by side, applied in the order of the source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.catalog.applying import LetterOf, Outcome, Step
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.writes import Write, WriteReceipt
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.pipelines.ingest import IngestDocument, Upload, version_in
from ragstone_server.spi.names import DocumentName
from ragstone_server.spi.sources import SourceMove


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A document that is to go."""

    name: DocumentName
    version: int | None
    event_time: int | None
    """As of an `Upload`."""
    tombstone: bool
    """Whether it is a record without a value, which has no version and is ordered by its source."""


DocumentEvent: TypeAlias = Upload | Deletion


class ApplyEvents:
    """Works events out, and applies them."""

    def __init__(self, catalog: Catalog, indexes: Indexes, ingest: IngestDocument) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._ingest = ingest

    async def prepare(self, event: DocumentEvent) -> Write:
        """Do everything but the transaction. Raises a `RequestError` that says what is wrong with the event."""
        if isinstance(event, Upload):
            return await self._ingest.prepare(event)
        collection = await self._catalog.collection(event.name.collection)
        version = version_in(collection, event.version, event.event_time)
        return self._catalog.writes.delete(collection, event.name.document, version, tombstone=event.tombstone)

    async def apply(self, move: SourceMove, steps: Sequence[Step], letter_of: LetterOf) -> list[Outcome]:
        """Apply what a source says, in its order; return when it is on disk. Raises as `Catalog.apply` does."""
        outcomes = await self._catalog.apply(move, steps, letter_of)
        written = {step.collection.key: step.collection for step in steps if isinstance(step, Write)}
        for collection in written.values():
            self._indexes.nudge(collection)
        return outcomes

    async def __call__(self, event: DocumentEvent) -> WriteReceipt:
        """Apply one event by itself, outside of its source."""
        receipt = None
        while receipt is None:
            write = await self.prepare(event)
            receipt = await self._catalog.commit(write)
        self._indexes.nudge(write.collection)
        return receipt
