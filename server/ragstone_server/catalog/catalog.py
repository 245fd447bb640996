"""The system of record, as the pipelines see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ragstone_server.catalog.committer import Committer
from ragstone_server.catalog.prompts import Prompts
from ragstone_server.catalog.rules import Verdict, judge_delete, judge_upsert
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.spi.catalog_store import (
    CatalogStore,
    CatalogTransaction,
    CollectionRecord,
    DocumentFields,
    Generation,
    NewContent,
    StoredPassage,
    StoredVersion,
)
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import DocumentNotFound, GenerationMismatch, InvalidWatermark
from ragstone_server.spi.names import CollectionName, DocumentId
from ragstone_server.spi.positions import PassageKey, Position
from ragstone_server.spi.visibility import Visibility


class WriteOutcome(StrEnum):
    """What a write did."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    """The content is the one that was there; version, metadata and readers may have moved."""
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReceipt:
    """A write that is on disk."""

    outcome: WriteOutcome
    version: int
    passages: int
    """How many the document has now."""
    watermark: Watermark
    """A query that demands it sees the write."""


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
        self.prompts = Prompts(store, clock)
        self._clock = clock
        self._committer = Committer(store)

    async def collection(self, name: CollectionName) -> CollectionRecord:
        """The collection as it is now. Raises `CollectionNotFound`."""
        return await self.store.collection(name)

    def watermark(self, collection: CollectionRecord, position: Position) -> Watermark:
        """The token of a position."""
        return Watermark(epoch=self.store.epoch, collection=collection.key, position=position)

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
        stored = (await self.store.versions(collection.key, [document])).get(document)
        verdict = _judge(collection, stored, version, fields, content_hash)
        record = await self.store.document(collection.key, document) if verdict.keep_content else None
        if record is None:
            return UpsertCheck(receipt=None, kept=None)
        if verdict.write:
            return UpsertCheck(receipt=None, kept=replace(record.fields, attributes=fields.attributes, uri=fields.uri))
        receipt = WriteReceipt(
            outcome=WriteOutcome.UNCHANGED,
            version=verdict.version,
            passages=record.passages,
            watermark=self.watermark(collection, max(record.position, collection.head)),
        )
        return UpsertCheck(receipt=receipt, kept=None)

    async def upsert(
        self,
        collection: CollectionRecord,
        document: DocumentId,
        version: int | None,
        fields: DocumentFields,
        content: NewContent,
        generation: Generation,
    ) -> WriteReceipt:
        """Write a new version; return when it is on disk. Raises `VersionStale`, `GenerationMismatch`, `StorageFull`."""

        async def action(transaction: CatalogTransaction, stored: StoredVersion | None) -> WriteReceipt:
            self.check_generation(transaction.collection, generation)
            verdict = _judge(collection, stored, version, fields, content.content_hash)
            head = transaction.collection.head
            if verdict.write:
                new = None if verdict.keep_content else content
                head = await transaction.put_document(document, verdict.version, fields, new, self._clock.now())
                if transaction.collection.generation is None:
                    await transaction.set_generation(generation)
            return WriteReceipt(
                outcome=WriteOutcome.UNCHANGED if verdict.keep_content else WriteOutcome.STORED,
                version=verdict.version,
                passages=len(content.passages),
                watermark=self.watermark(collection, head),
            )

        return await self._committer.run(collection.key, document, action)

    async def move(
        self,
        collection: CollectionRecord,
        document: DocumentId,
        version: int | None,
        fields: DocumentFields,
        content_hash: bytes,
    ) -> WriteReceipt | None:
        """Write a new version of a document whose content stays; None where meanwhile the stored content is another."""

        async def action(transaction: CatalogTransaction, stored: StoredVersion | None) -> WriteReceipt | None:
            verdict = _judge(collection, stored, version, fields, content_hash)
            if not verdict.keep_content:
                return None
            head = transaction.collection.head
            if verdict.write:
                head = await transaction.put_document(document, verdict.version, fields, None, self._clock.now())
            return WriteReceipt(
                outcome=WriteOutcome.UNCHANGED,
                version=verdict.version,
                passages=0,
                watermark=self.watermark(collection, head),
            )

        return await self._committer.run(collection.key, document, action)

    async def delete(self, collection: CollectionRecord, document: DocumentId, version: int | None) -> WriteReceipt:
        """Delete a document; it stops answering with the commit. Raises `DocumentNotFound`, `VersionStale`, `StorageFull`."""

        async def action(transaction: CatalogTransaction, stored: StoredVersion | None) -> WriteReceipt:
            try:
                verdict = judge_delete(collection.settings.version_scheme, stored, version)
            except DocumentNotFound:
                raise DocumentNotFound(
                    f"there is no document {document!r} in {collection.name}", metadata={"document": document}
                ) from None
            head = transaction.collection.head
            if verdict.write and stored is not None and not stored.deleted:
                head = await transaction.delete_document(document, verdict.version, self._clock.now())
            elif verdict.write:
                await transaction.put_fence(document, verdict.version, self._clock.now())
            return WriteReceipt(
                outcome=WriteOutcome.DELETED,
                version=verdict.version,
                passages=0,
                watermark=self.watermark(collection, head),
            )

        return await self._committer.run(collection.key, document, action)

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

    def check_generation(self, collection: CollectionRecord, generation: Generation) -> None:
        """Refuse to mix vectors or passages of two kinds. Raises `GenerationMismatch`."""
        if collection.generation is not None and collection.generation != generation:
            raise GenerationMismatch(
                f"{collection.name} was indexed by {collection.generation.fingerprint}, and the server is configured for "
                f"{generation.fingerprint}; configure the former again, or ingest into a new collection",
                metadata={"stored": collection.generation.fingerprint, "configured": generation.fingerprint},
            )

    async def drain(self) -> None:
        """Wait for the writes that were begun."""
        await self._committer.drain()


def _judge(
    collection: CollectionRecord,
    stored: StoredVersion | None,
    version: int | None,
    fields: DocumentFields,
    content_hash: bytes,
) -> Verdict:
    same_fields = stored is not None and (stored.attributes, stored.uri) == (fields.attributes, fields.uri)
    return judge_upsert(collection.settings.version_scheme, stored, version, content_hash, same_fields=same_fields)
