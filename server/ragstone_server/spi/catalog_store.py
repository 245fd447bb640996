"""Catalog store: the tables of the system of record. The rules over them are in the `catalog` room.

Everything that a transaction wrote is on disk when its context is left without an error, and nothing of it otherwise.
Reads see committed state only. A collection that does not exist reads as empty.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.catalog_records import (
    CollectionHead,
    CollectionRecord,
    CollectionSettings,
    DefaultReaders,
    DocumentFields,
    DocumentRecord,
    NewContent,
    NewCut,
    NewPassage,
    StoredPassage,
    StoredVersion,
    UncutContent,
    VersionScheme,
)
from ragstone_server.spi.catalog_transaction import CatalogTransaction, VectorsMissing
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.generations import Generation, GenerationNumber, GenerationRecord, GenerationState
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.operation_store import OperationStore
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.prompts import PromptStore
from ragstone_server.spi.questions import QuestionStore
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.snapshots import SnapshotStore
from ragstone_server.spi.source_store import SourceStore
from ragstone_server.spi.views import ChangeBatch

# All that a store deals in comes in by this door.
__all__ = [
    "CatalogStore",
    "CatalogTransaction",
    "CollectionHead",
    "CollectionRecord",
    "CollectionSettings",
    "DefaultReaders",
    "DocumentFields",
    "DocumentRecord",
    "Generation",
    "GenerationNumber",
    "GenerationRecord",
    "GenerationState",
    "LogTrimmed",
    "NewContent",
    "NewCut",
    "NewPassage",
    "StoredPassage",
    "StoredVersion",
    "UncutContent",
    "VectorsMissing",
    "VersionScheme",
    "every_collection",
]

_PAGE = 100


class CatalogStore(Protocol):
    """Tables with transactions. All methods may be called at once from many tasks."""

    @property
    def epoch(self) -> str:
        """A UUID that a restore changes."""
        ...

    @property
    def shared(self) -> bool:
        """Whether other processes may write to it, which cannot nudge those who follow here."""
        ...

    @property
    def prompts(self) -> PromptStore:
        """The prompt templates of the collections; they go with their collection."""
        ...

    @property
    def sources(self) -> SourceStore:
        """How far the sources of documents were applied, and dead letters."""
        ...

    @property
    def operations(self) -> OperationStore:
        """Long-running operations."""
        ...

    @property
    def questions(self) -> QuestionStore:
        """Recorded questions of the collections; they go with their collection."""
        ...

    @property
    def snapshots(self) -> SnapshotStore | None:
        """Copies of the catalog; None where it is a database with backups of its own."""
        ...

    def transaction(self, collection: CollectionKey, /) -> AbstractAsyncContextManager[CatalogTransaction]:
        """Write to a collection. Raises `CollectionNotFound`, and `StorageFull` where no space is left."""
        ...

    async def create_collection(
        self, name: CollectionName, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionAlreadyExists`."""
        ...

    async def collection(self, name: CollectionName, /) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        ...

    async def collections(self, tenant: TenantId | None, after: str, limit: int, /) -> tuple[CollectionRecord, ...]:
        """Collections of a tenant (None: of all) in the order of their full names, those after the name `after`."""
        ...

    async def heads(self) -> tuple[CollectionHead, ...]:
        """How far the collections are that have ever changed, of all tenants. One round trip."""
        ...

    async def update_collection(
        self, key: CollectionKey, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        ...

    async def delete_collection(self, key: CollectionKey, /, *, force: bool) -> None:
        """Delete it with all it holds. Raises `CollectionNotFound`, and `CollectionNotEmpty` without force."""
        ...

    async def document(self, collection: CollectionKey, document: DocumentId, /) -> DocumentRecord | None:
        """One document, or None."""
        ...

    async def versions(
        self, collection: CollectionKey, documents: Iterable[DocumentId], /
    ) -> Mapping[DocumentId, StoredVersion]:
        """As of a transaction, outside of one."""
        ...

    async def documents(self, collection: CollectionKey, after: str, limit: int, /) -> tuple[DocumentRecord, ...]:
        """Documents in the order of their ids (by code point), those after the id `after`."""
        ...

    async def document_count(self, collection: CollectionKey, /) -> int:
        """How many documents there are."""
        ...

    async def vectors(
        self, tenant: TenantId, embedder: str, hashes: Sequence[bytes], /
    ) -> Mapping[bytes, NDArray[np.float16]]:
        """Vectors by text hash, of those that are known."""
        ...

    async def passages(
        self, collection: CollectionKey, keys: Sequence[PassageKey], /
    ) -> Mapping[PassageKey, StoredPassage]:
        """Passages with their texts, superseded ones included, of those that are there. One round trip."""
        ...

    async def neighbours(
        self, content: ContentKey, generation: GenerationNumber, first: int, last: int, /
    ) -> tuple[tuple[ByteRange, str], ...]:
        """Ranges and texts of the passages that a generation has of a content, with ordinals `first` to `last`, both included."""
        ...

    async def changes(
        self,
        collection: CollectionKey,
        generation: GenerationNumber,
        after: Position,
        limit: int,
        /,
        *,
        texts: bool,
        vectors: str | None,
    ) -> ChangeBatch:
        """The log after a position: the present state of up to `limit` documents that changed, each once, in commit order.

        Their passages are those of the generation. `vectors` names the embedder whose vectors to add. The position of the batch
        is that of its last change, or `after` where there is none. Raises `LogTrimmed` where changes after the position are no
        longer there.
        """
        ...

    async def snapshot(
        self,
        collection: CollectionKey,
        generation: GenerationNumber,
        after: DocumentKey,
        limit: int,
        /,
        *,
        texts: bool,
        vectors: str | None,
    ) -> tuple[ChangeBatch, DocumentKey | None]:
        """The present state of up to `limit` documents with keys greater than `after`, and the key to go on from (None: done).

        The batch's position is the collection's head when it was read.
        """
        ...

    async def uncut(
        self, collection: CollectionKey, generation: GenerationNumber, after: DocumentKey, limit: int, /
    ) -> tuple[UncutContent, ...]:
        """Present contents of which the generation has no passages: of documents with keys greater than `after`, ascending."""
        ...

    async def drop_generation(self, collection: CollectionKey, generation: GenerationNumber, limit: int, /) -> int:
        """Delete up to `limit` passages of a generation that is not live, and after them vectors that the tenant no longer needs.

        These are the ones of embedders that none of its generations has. Returns how many rows went; 0: all are gone. From the
        first call on nothing is written to the generation.
        """
        ...

    async def retire(self, collection: CollectionKey, upto: Position, keep_after: Position, now: datetime, /) -> int:
        """Delete contents superseded at or before `upto` and trim the log up to `keep_after`; return how many contents went."""
        ...

    async def put_follower(self, collection: CollectionKey, view: str, durable: Position, now: datetime, /) -> None:
        """Note how far a view has come, and that it lives; the log is kept for it."""
        ...

    async def drop_followers(self, collection: CollectionKey, before: datetime, /) -> None:
        """Forget views that were last noted before then: their process is gone, and the log is not kept for them."""
        ...

    async def followers(self, collection: CollectionKey, /) -> Mapping[str, Position]:
        """Views with their durable positions."""
        ...


class LogTrimmed(RagstoneError):
    """The change log no longer reaches back to the position; the view starts again from a snapshot."""


async def every_collection(store: CatalogStore) -> AsyncIterator[CollectionRecord]:
    """All collections of all tenants in the order of their full names, read a page at a time."""
    after = ""
    while page := await store.collections(None, after, _PAGE):
        for record in page:
            yield record
        after = str(page[-1].name)
