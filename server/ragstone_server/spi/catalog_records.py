"""What a catalog store keeps of collections, documents and passages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.evidence import Passage
from ragstone_server.spi.generations import Generation, GenerationNumber, GenerationRecord, find, live
from ragstone_server.spi.names import CollectionName, DocumentId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.visibility import Attributes


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
    generations: tuple[GenerationRecord, ...]
    """Those that documents are written to, by their numbers; none until the first document."""
    created: datetime
    updated: datetime
    head: Position
    """Position of its last change."""
    trimmed: Position
    """Changes up to here are no longer in the log."""

    @property
    def live(self) -> GenerationRecord | None:
        """The generation that answers; None until the first document."""
        return live(self.generations)

    def generation(self, number: GenerationNumber) -> GenerationRecord:
        """The generation of that number. Raises `GenerationNotFound`."""
        return find(self.generations, number)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionHead:
    """How far a collection is."""

    key: CollectionKey
    name: CollectionName
    head: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFields:
    """What a document is, apart from its content."""

    title: str
    uri: str
    mime_type: str
    language: str | None
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """What decides whether a write of a document wins: its present version, or the fence that a deletion left."""

    version: int
    deleted: bool
    content_hash: bytes
    """Of the bytes that arrived; empty where deleted."""
    document_key: DocumentKey | None
    """None where deleted."""
    fields: DocumentFields | None = None
    """None where deleted."""
    passages: int = 0


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
class NewCut:
    """The passages of a text for one generation."""

    passages: tuple[NewPassage, ...]
    vectors: Mapping[bytes, NDArray[np.float16]]
    """(dimension,) by text hash, for those that the store may not have yet."""
    generation: Generation
    """What made it; the vectors are kept under its embedder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContent:
    """An extracted text with its passages."""

    content_hash: bytes
    """Of the bytes that arrived and of what says how they are read."""
    size_bytes: int
    """Of the bytes that arrived."""
    text: str
    outline: str = ""
    """The text's pages and headings, by which it can be cut again (`spi.outlines`); empty: not known."""
    cuts: Mapping[GenerationNumber, NewCut]
    """By the generations that it is written to."""


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
    text_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UncutContent:
    """The present content of a document, of which a generation has no passages."""

    document_key: DocumentKey
    document: DocumentId
    content_key: ContentKey
    content_hash: bytes
    title: str
    text: str
    outline: str
    """As of `NewContent`."""
    pages: tuple[tuple[int, int], ...]
    """(number, first byte) of the pages on which passages of other generations begin, where there is no outline."""
