"""The system of record, as the pipelines see it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ragstone_server.catalog.applying import LetterOf, Outcome, Step, apply
from ragstone_server.catalog.committer import Committer
from ragstone_server.catalog.lookups import Collections, Vectors, Versions
from ragstone_server.catalog.prompts import Prompts
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.catalog.writes import Write, WriteOutcome, WriteReceipt, Writes, judge
from ragstone_server.spi.catalog_store import (
    CatalogStore,
    CollectionRecord,
    DocumentFields,
    StoredPassage,
)
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import CollectionNotFound, InvalidWatermark
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import PassageKey, Position
from ragstone_server.spi.sources import SourceMove
from ragstone_server.spi.visibility import Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertCheck:
    """What is known of an upsert before any work is spent on it."""

    receipt: WriteReceipt | None
    """Set where everything is stored already and there is nothing to do."""
    kept: DocumentFields | None
    """Set where the content is stored already: the fields to write, with what the content says of itself."""


class Catalog:
    """Documents and their versions, over a store."""

    def __init__(self, store: CatalogStore, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.prompts = Prompts(store, clock)
        self.writes = Writes(store.epoch, clock)
        self._collections = Collections(store)
        self._vectors = Vectors(store)
        self._versions = Versions(store)
        self._committer = Committer(store)

    async def collection(self, name: CollectionName) -> CollectionRecord:
        """The collection as it is now. Raises `CollectionNotFound`."""
        return await self._collections.get(name)

    def watermark(self, collection: CollectionRecord, position: Position) -> Watermark:
        """The token of a position."""
        return self.writes.watermark(collection, position)

    def position_of(self, collection: CollectionRecord, token: str) -> Position:
        """The position that a caller's token demands. Raises `InvalidWatermark` for a token of another catalog or collection."""
        watermark = Watermark.parse(token)
        if watermark.epoch != self.store.epoch or watermark.collection != collection.key:
            raise InvalidWatermark(
                "the watermark belongs to another collection, or to the catalog before it was restored"
            )
        if watermark.position > collection.head:
            raise InvalidWatermark("the watermark is ahead of the catalog")
        return watermark.position

    async def check_upsert(
        self,
        collection: CollectionRecord,
        document: DocumentId,
        version: int | None,
        fields: DocumentFields,
        content_hash: bytes,
    ) -> UpsertCheck:
        """Look before parsing and embedding: is it stale, is it the same? Raises as `upsert` does; `upsert` checks again."""
        stored = await self._versions.get(collection.key, document)
        verdict = judge(collection, stored, version, fields, content_hash)
        if not verdict.keep_content or stored is None or stored.fields is None:
            return UpsertCheck(receipt=None, kept=None)
        kept = replace(stored.fields, attributes=fields.attributes, uri=fields.uri)
        if verdict.write:
            return UpsertCheck(receipt=None, kept=kept)
        receipt = WriteReceipt(
            outcome=WriteOutcome.UNCHANGED,
            version=verdict.version,
            passages=stored.passages,
            watermark=self.watermark(collection, collection.head),
        )
        return UpsertCheck(receipt=receipt, kept=kept)

    async def vectors(
        self, tenant: TenantId, embedder: str, hashes: Iterable[bytes]
    ) -> Mapping[bytes, NDArray[np.float16]]:
        """Those that are known, by the hashes of their texts."""
        return await self._vectors.get(tenant, embedder, hashes)

    async def commit(self, write: Write) -> WriteReceipt | None:
        """Carry out a write; return when it is on disk. Writes of a collection that wait together share a transaction."""
        return await self._committer.run(write.collection.key, write.document, write.action)

    async def apply(self, move: SourceMove, steps: Sequence[Step], letter_of: LetterOf) -> list[Outcome]:
        """Carry out what a source says, in its order, and move the source: all in one transaction."""
        return await apply(self.store, move, steps, letter_of)

    async def move(
        self,
        collection: CollectionRecord,
        document: DocumentId,
        version: int | None,
        fields: DocumentFields,
        content_hash: bytes,
    ) -> WriteReceipt | None:
        """Write a new version of a document whose content stays; None where meanwhile the stored content is another."""
        return await self.commit(self.writes.move(collection, document, version, fields, content_hash))

    async def delete(self, collection: CollectionRecord, document: DocumentId, version: int | None) -> WriteReceipt:
        """Delete a document; it stops answering with the commit. Raises `DocumentNotFound`, `VersionStale`, `StorageFull`."""
        receipt = await self.commit(self.writes.delete(collection, document, version))
        assert receipt is not None
        return receipt

    async def read_passages(
        self, collection: CollectionRecord, keys: Sequence[PassageKey], visibility: Visibility, as_of: Position
    ) -> Mapping[PassageKey, StoredPassage]:
        """The final read of a query: drops what is deleted, superseded, filtered out or not for this reader (P1, P4, P9).

        `as_of` is the least position of the views that proposed the keys: what was superseded after it may still answer.
        """
        stored = await self.store.passages(collection.key, keys)
        return {
            key: passage
            for key, passage in stored.items()
            if (passage.superseded is None or passage.superseded > as_of) and visibility.allows(passage.attributes)
        }

    async def view_lag(self, name: CollectionName) -> int:
        """Changes that the slowest view of the collection has not made durable; 0 where it has no view, or is gone."""
        try:
            collection = await self.store.collection(name)
        except CollectionNotFound:
            return 0
        followers = await self.store.followers(collection.key)
        return max(0, collection.head - min(followers.values(), default=collection.head))

    async def drain(self) -> None:
        """Wait for the writes that were begun."""
        await self._committer.drain()
