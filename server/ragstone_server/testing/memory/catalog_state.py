"""What `MemoryCatalogStore` keeps: values of one collection, copied by a transaction and put back by its commit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    DocumentFields,
    DocumentRecord,
    NewContent,
    NewPassage,
    StoredPassage,
    StoredVersion,
)
from ragstone_server.spi.evidence import Passage, rendered
from ragstone_server.spi.names import DocumentId, TenantId
from ragstone_server.spi.positions import ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.views import DocumentChange, IndexedPassage
from ragstone_server.spi.visibility import Attributes

VectorKey: TypeAlias = tuple[TenantId, str, bytes]
Vectors: TypeAlias = Mapping[VectorKey, NDArray[np.float16]]

GONE = Attributes(metadata={}, readers=frozenset())


@dataclass
class Keys:
    """The next keys; none is given twice."""

    collections: Iterator[int] = field(default_factory=lambda: count(1))
    documents: Iterator[int] = field(default_factory=lambda: count(1))
    contents: Iterator[int] = field(default_factory=lambda: count(1))
    passages: Iterator[int] = field(default_factory=lambda: count(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One extracted text of a document."""

    key: ContentKey
    document: DocumentKey
    version: int
    title: str
    new: NewContent
    passages: tuple[PassageKey, ...]
    superseded: Position | None = None

    def text(self, ordinal: int) -> str:
        """Of a passage."""
        return self.new.passages[ordinal].range.of(self.new.text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document and the key of its present content."""

    key: DocumentKey
    document: DocumentId
    version: int
    fields: DocumentFields
    content: ContentKey
    position: Position
    created: datetime
    updated: datetime


@dataclass(kw_only=True)
class CollectionState:
    """One collection. Values are frozen, so that a copy of the containers is a copy of the state."""

    record: CollectionRecord
    documents: dict[DocumentId, Document] = field(default_factory=dict)
    contents: dict[ContentKey, Content] = field(default_factory=dict)
    fences: dict[bytes, int] = field(default_factory=dict)
    log: dict[Position, DocumentKey] = field(default_factory=dict)
    followers: dict[str, tuple[Position, datetime]] = field(default_factory=dict)

    def copy(self) -> "CollectionState":
        """For a transaction to write to. Followers are not part of it: they are noted beside transactions."""
        return replace(
            self,
            documents=dict(self.documents),
            contents=dict(self.contents),
            fences=dict(self.fences),
            log=dict(self.log),
        )

    def by_key(self) -> dict[DocumentKey, Document]:
        """Documents by their keys, ascending."""
        return {each.key: each for each in sorted(self.documents.values(), key=lambda each: each.key)}

    def used_vectors(self) -> set[tuple[TenantId, bytes]]:
        """Hashes of the passages' texts."""
        tenant = self.record.name.tenant
        return {(tenant, passage.text_hash) for content in self.contents.values() for passage in content.new.passages}

    def stored_version(self, document: DocumentId, fence: bytes) -> StoredVersion | None:
        """Of the document, or its fence's."""
        if (present := self.documents.get(document)) is not None:
            return StoredVersion(
                version=present.version,
                deleted=False,
                content_hash=self.contents[present.content].new.content_hash,
                document_key=present.key,
                fields=present.fields,
                passages=len(self.contents[present.content].passages),
            )
        if (version := self.fences.get(fence)) is not None:
            return StoredVersion(version=version, deleted=True, content_hash=b"", document_key=None)
        return None

    def document_record(self, document: Document) -> DocumentRecord:
        """As a caller sees it."""
        content = self.contents[document.content]
        return DocumentRecord(
            key=document.key,
            document=document.document,
            version=document.version,
            fields=document.fields,
            size_bytes=content.new.size_bytes,
            passages=len(content.passages),
            position=document.position,
            created=document.created,
            updated=document.updated,
        )

    def stored_passages(self) -> Iterator[StoredPassage]:
        """All passages, superseded ones included."""
        documents = self.by_key()
        for content in self.contents.values():
            for ordinal, new in enumerate(content.new.passages):
                yield _stored(documents[content.document], content, ordinal, new)

    def change(
        self, key: DocumentKey, document: Document | None, *, texts: bool, vectors: Vectors, embedder: str | None
    ) -> DocumentChange:
        """The document's present state as a follower sees it."""
        if document is None:
            return DocumentChange(document=key, attributes=GONE, language=None, passages=())
        content, tenant = self.contents[document.content], self.record.name.tenant
        passages = tuple(
            IndexedPassage(
                key=content.passages[ordinal],
                text=rendered(content.title, new.headings, content.text(ordinal)) if texts else "",
                vector=None if embedder is None else vectors.get((tenant, embedder, new.text_hash)),
            )
            for ordinal, new in enumerate(content.new.passages)
        )
        fields = document.fields
        return DocumentChange(document=key, attributes=fields.attributes, language=fields.language, passages=passages)


def _stored(document: Document, content: Content, ordinal: int, new: NewPassage) -> StoredPassage:
    attributes = document.fields.attributes
    return StoredPassage(
        passage=Passage(
            key=content.passages[ordinal],
            passage_id=new.passage_id,
            document=document.document,
            document_key=document.key,
            content_key=content.key,
            ordinal=ordinal,
            version=content.version,
            title=content.title,
            uri=document.fields.uri,
            page=new.page,
            headings=new.headings,
            range=new.range,
            text=content.text(ordinal),
            metadata=attributes.metadata,
        ),
        attributes=attributes,
        superseded=content.superseded,
        passages_in_content=len(content.passages),
        text_hash=new.text_hash,
    )
