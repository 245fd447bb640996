"""Catalog store: the tables of the system of record. The rules over them are in the `catalog` room.

Everything that a transaction wrote is on disk when its context is left without an error, and nothing of it otherwise.
Reads see committed state only. A collection that does not exist reads as empty.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.errors import RagstoneError, RequestError
from ragstone_server.spi.evidence import Passage
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.prompts import PromptStore
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.views import ChangeBatch
from ragstone_server.spi.visibility import Attributes

_PAGE = 100


class VersionScheme(StrEnum):
    """Where the versions of a collection's documents come from."""

    NUMBER = "number"
    """A number: the producer's, or, where it sends none, the stored one + 1."""
    EVENT_TIME = "event_time"
    """The producer's time of the change, in microseconds since 1970; always sent."""


class DefaultReaders(StrEnum):
    """Who may read a document that names no readers."""

    TENANT = "tenant"
    """Every caller of the tenant."""
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Fingerprints of what made the passages and the vectors of a collection."""

    embedder: str
    chunker: str

    @property
    def fingerprint(self) -> str:
        """Both as one text."""
        return f"{self.embedder}+{self.chunker}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSettings:
    """What a caller may choose of a collection."""

    description: str
    default_readers: DefaultReaders
    version_scheme: VersionScheme


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRecord:
    """One collection."""

    key: CollectionKey
    name: CollectionName
    settings: CollectionSettings
    generation: Generation | None
    """None until its first document."""
    created: datetime
    updated: datetime
    head: Position
    """Position of its last change."""
    trimmed: Position
    """Changes up to here are no longer in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """What decides whether a write of a document wins: its present version, or the fence that a deletion left."""

    version: int
    deleted: bool
    content_hash: bytes
    """Of the bytes that arrived; empty where deleted."""
    document_key: DocumentKey | None
    """None where deleted."""
    uri: str = ""
    attributes: Attributes | None = None
    """None where deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFields:
    """What a document is, apart from its content."""

    title: str
    uri: str
    mime_type: str
    language: str | None
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassage:
    """One passage to store."""

    passage_id: str
    range: ByteRange
    page: int | None
    headings: tuple[str, ...]
    text_hash: bytes
    """Of the passage as rendered; the key of its vector."""
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContent:
    """An extracted text with its passages."""

    content_hash: bytes
    """Of the bytes that arrived and of what extracted and cut them."""
    size_bytes: int
    """Of the bytes that arrived."""
    text: str
    passages: tuple[NewPassage, ...]
    vectors: Mapping[bytes, NDArray[np.float16]]
    """(dimension,) by text hash, for those that the store may not have yet."""
    embedder: str
    """Fingerprint under which the vectors are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """One document as the catalog holds it."""

    key: DocumentKey
    document: DocumentId
    version: int
    fields: DocumentFields
    size_bytes: int
    passages: int
    position: Position
    """Of its last change."""
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPassage:
    """A passage with what decides over its use."""

    passage: Passage
    attributes: Attributes
    """Of its document now, whatever the version of the passage."""
    superseded: Position | None
    """Position of the change that replaced it; None: it is current."""
    passages_in_content: int
    text_hash: bytes


class CatalogTransaction(Protocol):
    """Writes of one collection, whose row is locked: transactions of a collection come one after the other."""

    @property
    def collection(self) -> CollectionRecord:
        """The collection as it was when the lock was taken."""
        ...

    async def versions(self, documents: Iterable[DocumentId], /) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        ...

    async def put_document(
        self, document: DocumentId, version: int, fields: DocumentFields, content: NewContent | None, now: datetime, /
    ) -> Position:
        """Write a document's new version and its row in the change log; return the position.

        Content None keeps the content that is there; raises `DocumentNotFound` where there is none. Otherwise the former
        content is superseded at the position; its passages stay readable until retired, with the title and the version that
        they had. A fence of the document is lifted. Raises `VectorsMissing` before anything is written.
        """
        ...

    async def delete_document(self, document: DocumentId, version: int, now: datetime, /) -> Position:
        """Delete a document with all its contents and leave a fence with the version (a keyed hash of the name, no content).

        Raises `DocumentNotFound`.
        """
        ...

    async def put_fence(self, document: DocumentId, version: int, now: datetime, /) -> None:
        """Leave a fence for a document that is not there."""
        ...

    async def set_generation(self, generation: Generation, /) -> None:
        """Name what makes the collection's passages and vectors."""
        ...


class CatalogStore(Protocol):
    """Tables with transactions. All methods may be called at once from many tasks."""

    @property
    def epoch(self) -> str:
        """A UUID that a restore changes."""
        ...

    @property
    def prompts(self) -> PromptStore:
        """The prompt templates of the collections; they go with their collection."""
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

    async def neighbours(self, content: ContentKey, first: int, last: int, /) -> tuple[tuple[ByteRange, str], ...]:
        """Ranges and texts of the passages of one content with ordinals from `first` to `last`, both included."""
        ...

    async def changes(
        self, collection: CollectionKey, after: Position, limit: int, /, *, texts: bool, vectors: str | None
    ) -> ChangeBatch:
        """The log after a position: the present state of up to `limit` documents that changed, each once, in commit order.

        `vectors` names the embedder whose vectors to add. The position of the batch is that of its last change, or `after` where
        there is none. Raises `LogTrimmed` where changes after the position are no longer there.
        """
        ...

    async def snapshot(
        self, collection: CollectionKey, after: DocumentKey, limit: int, /, *, texts: bool, vectors: str | None
    ) -> tuple[ChangeBatch, DocumentKey | None]:
        """The present state of up to `limit` documents with keys greater than `after`, and the key to go on from (None: done).

        The batch's position is the collection's head when it was read.
        """
        ...

    async def retire(self, collection: CollectionKey, upto: Position, keep_after: Position, now: datetime, /) -> int:
        """Delete contents superseded at or before `upto` and trim the log up to `keep_after`; return how many contents went."""
        ...

    async def put_follower(self, collection: CollectionKey, view: str, durable: Position, /) -> None:
        """Note how far a view has come; the log is kept for it."""
        ...

    async def followers(self, collection: CollectionKey, /) -> Mapping[str, Position]:
        """Views with their durable positions."""
        ...


class LogTrimmed(RagstoneError):
    """The change log no longer reaches back to the position; the view starts again from a snapshot."""


class VectorsMissing(RequestError):
    """The vector of a passage is neither given nor stored any more: another document that had it went meanwhile; send it again."""


async def every_collection(store: CatalogStore) -> AsyncIterator[CollectionRecord]:
    """All collections of all tenants in the order of their full names, read a page at a time."""
    after = ""
    while page := await store.collections(None, after, _PAGE):
        for record in page:
            yield record
        after = str(page[-1].name)
