"""What a write does inside its transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from ragstone_server.catalog.rules import Verdict, judge_delete, judge_upsert
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.spi.catalog_store import (
    CatalogTransaction,
    CollectionRecord,
    DocumentFields,
    GenerationNumber,
    GenerationState,
    NewContent,
    StoredVersion,
)
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import DocumentNotFound
from ragstone_server.spi.generations import FIRST, Recipe
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import DocumentKey, Position

ResultT = TypeVar("ResultT")
Action = Callable[[CatalogTransaction, StoredVersion | None], Awaitable[ResultT]]
"""What to do, given the document's stored version. A `RequestError` comes before anything is written."""


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
class Write:
    """One document's write, worked out as far as is possible outside of a transaction."""

    collection: CollectionRecord
    document: DocumentId
    action: Action[WriteReceipt | None]
    """None: what was worked out no longer fits what is stored; work it out again. Nothing was written."""
    weight: int = 0
    """Bytes of text and vectors that it carries, about."""


class Writes:
    """Makes them."""

    def __init__(self, epoch: str, clock: Clock) -> None:
        self._epoch = epoch
        self._clock = clock

    def watermark(self, collection: CollectionRecord, position: Position) -> Watermark:
        """The token of a position."""
        return Watermark(epoch=self._epoch, collection=collection.key, position=position)

    def upsert(
        self,
        collection: CollectionRecord,
        document: DocumentId,
        version: int | None,
        fields: DocumentFields,
        content: NewContent,
        recipe: Recipe,
    ) -> Write:
        """A new version, cut for every generation that the collection has, or for a first one, by the recipe.

        None, inside, where it has others by now. Raises, inside, `VersionStale`, `VectorsMissing`.
        """

        async def action(transaction: CatalogTransaction, stored: StoredVersion | None) -> WriteReceipt | None:
            generations = transaction.collection.generations
            wanted = {each.number: each.generation for each in generations} or {FIRST: content.cuts[FIRST].generation}
            made = {number: cut.generation for number, cut in content.cuts.items()}
            if not wanted.items() <= made.items():
                return None
            verdict = judge(collection, stored, version, fields, content.content_hash)
            head = transaction.collection.head
            if verdict.write:
                now = self._clock.now()
                if not generations:
                    await transaction.add_generation(wanted[FIRST], recipe, GenerationState.LIVE, now)
                cuts = {number: content.cuts[number] for number in wanted}
                new = None if verdict.keep_content else replace(content, cuts=cuts)
                head = await transaction.put_document(document, verdict.version, fields, new, now)
            return WriteReceipt(
                outcome=WriteOutcome.UNCHANGED if verdict.keep_content else WriteOutcome.STORED,
                version=verdict.version,
                passages=len(content.cuts[answering(transaction.collection)].passages),
                watermark=self.watermark(collection, head),
            )

        return Write(collection=collection, document=document, action=action, weight=_weight(content))

    def move(
        self,
        collection: CollectionRecord,
        document: DocumentId,
        version: int | None,
        fields: DocumentFields,
        content_hash: bytes,
    ) -> Write:
        """A new version of a document whose content stays. None, inside, where the stored content is another meanwhile."""

        async def action(transaction: CatalogTransaction, stored: StoredVersion | None) -> WriteReceipt | None:
            verdict = judge(collection, stored, version, fields, content_hash)
            if stored is None or not verdict.keep_content:
                return None
            head = transaction.collection.head
            if verdict.write:
                head = await transaction.put_document(document, verdict.version, fields, None, self._clock.now())
            return WriteReceipt(
                outcome=WriteOutcome.UNCHANGED,
                version=verdict.version,
                passages=stored.passages,
                watermark=self.watermark(collection, head),
            )

        return Write(collection=collection, document=document, action=action)

    def delete(
        self, collection: CollectionRecord, document: DocumentId, version: int | None, *, tombstone: bool = False
    ) -> Write:
        """A deletion. Raises, inside, `DocumentNotFound`, `VersionStale`.

        `tombstone`: it has no version in any scheme, and is ordered by the source that it comes from.
        """
        scheme = None if tombstone else collection.settings.version_scheme

        async def action(transaction: CatalogTransaction, stored: StoredVersion | None) -> WriteReceipt:
            try:
                verdict = judge_delete(scheme, stored, version)
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

        return Write(collection=collection, document=document, action=action)

    def delete_seen(
        self, collection: CollectionRecord, document: DocumentId, version: int | None, seen: tuple[DocumentKey, int]
    ) -> Write:
        """A deletion of a document as it was seen, by key and version; None, inside, where it is another one, or gone."""
        deletion = self.delete(collection, document, version)

        async def action(transaction: CatalogTransaction, stored: StoredVersion | None) -> WriteReceipt | None:
            if stored is None or (stored.document_key, stored.version) != seen:
                return None
            return await deletion.action(transaction, stored)

        return Write(collection=collection, document=document, action=action)


def judge(
    collection: CollectionRecord,
    stored: StoredVersion | None,
    version: int | None,
    fields: DocumentFields,
    content_hash: bytes,
) -> Verdict:
    """Decide over an upsert. Raises `VersionStale`, `VersionSchemeMismatch`."""
    same_fields = (
        stored is not None
        and stored.fields is not None
        and (stored.fields.attributes, stored.fields.uri) == (fields.attributes, fields.uri)
    )
    return judge_upsert(collection.settings.version_scheme, stored, version, content_hash, same_fields=same_fields)


def _weight(content: NewContent) -> int:
    vectors = (vector for cut in content.cuts.values() for vector in cut.vectors.values())
    return len(content.text) + sum(vector.nbytes for vector in vectors)


def answering(collection: CollectionRecord) -> GenerationNumber:
    """The number of the live generation, or of the first, where there is none yet."""
    return FIRST if collection.live is None else collection.live.number
