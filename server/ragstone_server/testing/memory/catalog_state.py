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
    GenerationNumber,
    NewContent,
    NewPassage,
    StoredPassage,
    StoredVersion,
    UncutContent,
)
from ragstone_server.spi.evidence import Passage, rendered
from ragstone_server.spi.generations import FIRST
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
    passages: Mapping[GenerationNumber, tuple[PassageKey, ...]]
    superseded: Position | None = None

    def text(self, passage: NewPassage) -> str:
        """Of a passage."""
        return passage.range.of(self.new.text.encode())

    def cut(self, generation: GenerationNumber) -> tuple[tuple[PassageKey, NewPassage], ...]:
        """The passages that a generation has of it, with their keys."""
        new = self.new.cuts.get(generation)
        return tuple(zip(self.passages[generation], new.passages, strict=True)) if new else ()


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
    generations: int = 0
    """How many there have ever been."""

    @property
    def live(self) -> GenerationNumber:
        """The generation that answers."""
        return self.record.live.number if self.record.live else FIRST

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
        cuts = (cut for content in self.contents.values() for cut in content.new.cuts.values())
        return {(tenant, passage.text_hash) for cut in cuts for passage in cut.passages}

    def stored_version(self, document: DocumentId, fence: bytes) -> StoredVersion | None:
        """Of the document, or its fence's."""
        if (present := self.documents.get(document)) is not None:
            return StoredVersion(
                version=present.version,
                deleted=False,
                content_hash=self.contents[present.content].new.content_hash,
                document_key=present.key,
                fields=present.fields,
                passages=len(self.contents[present.content].cut(self.live)),
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
            passages=len(content.cut(self.live)),
            position=document.position,
            created=document.created,
            updated=document.updated,
        )

    def stored_passages(self) -> Iterator[StoredPassage]:
        """All passages, superseded ones included."""
        documents = self.by_key()
        for content in self.contents.values():
            for generation in content.new.cuts:
                for ordinal, (key, new) in enumerate(content.cut(generation)):
                    yield _stored(documents[content.document], content, generation, ordinal, key, new)

    def uncut(self, generation: GenerationNumber, after: DocumentKey) -> Iterator[UncutContent]:
        """Present contents without passages of the generation, in the order of their documents."""
        for key, document in self.by_key().items():
            content = self.contents[document.content]
            if key > after and generation not in content.new.cuts:
                passages = [passage for cut in content.new.cuts.values() for passage in cut.passages]
                starts: dict[int, int] = {}
                for passage in passages:
                    if passage.page is not None:
                        starts[passage.page] = min(passage.range.start, starts.get(passage.page, passage.range.start))
                yield UncutContent(
                    document_key=key,
                    document=document.document,
                    content_key=content.key,
                    content_hash=content.new.content_hash,
                    title=content.title,
                    text=content.new.text,
                    outline=content.new.outline,
                    pages=() if content.new.outline else tuple(sorted(starts.items())),
                )

    def change(
        self,
        key: DocumentKey,
        document: Document | None,
        generation: GenerationNumber,
        *,
        texts: bool,
        vectors: Vectors,
        embedder: str | None,
    ) -> DocumentChange:
        """The document's present state as a follower sees it."""
        if document is None:
            return DocumentChange(document=key, attributes=GONE, language=None, passages=())
        content, tenant = self.contents[document.content], self.record.name.tenant
        passages = tuple(
            IndexedPassage(
                key=passage,
                text=rendered(content.title, new.headings, content.text(new)) if texts else "",
                vector=None if embedder is None else vectors.get((tenant, embedder, new.text_hash)),
            )
            for passage, new in content.cut(generation)
        )
        fields = document.fields
        return DocumentChange(document=key, attributes=fields.attributes, language=fields.language, passages=passages)


def _stored(
    document: Document,
    content: Content,
    generation: GenerationNumber,
    ordinal: int,
    key: PassageKey,
    new: NewPassage,
) -> StoredPassage:
    attributes = document.fields.attributes
    return StoredPassage(
        passage=Passage(
            key=key,
            passage_id=new.passage_id,
            document=document.document,
            document_key=document.key,
            content_key=content.key,
            generation=generation,
            ordinal=ordinal,
            version=content.version,
            title=content.title,
            uri=document.fields.uri,
            page=new.page,
            headings=new.headings,
            range=new.range,
            text=content.text(new),
            metadata=attributes.metadata,
        ),
        attributes=attributes,
        superseded=content.superseded,
        text_hash=new.text_hash,
    )
