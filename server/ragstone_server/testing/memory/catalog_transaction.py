"""Writes to a copy of one collection of a `MemoryCatalogStore`."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    DocumentFields,
    Generation,
    GenerationNumber,
    GenerationRecord,
    GenerationState,
    NewContent,
    NewCut,
    StoredVersion,
    VectorsMissing,
)
from ragstone_server.spi.errors import DocumentNotFound
from ragstone_server.spi.generations import Generations, Recipe, added, moved
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.testing.memory.catalog_state import CollectionState, Content, Document, Keys, VectorKey, Vectors


def name_hash(key: bytes, collection: CollectionKey, document: DocumentId) -> bytes:
    """What a fence keeps of a document's name."""
    return hashlib.blake2b(f"{collection}/{document}".encode(), key=key, digest_size=16).digest()


class MemoryTransaction:
    """Fits `CatalogTransaction`. The store takes over `state` and `vectors` at the commit."""

    def __init__(self, state: CollectionState, known: Vectors, keys: Keys, fence_key: bytes) -> None:
        self.collection: CollectionRecord = state.record
        self.state = state
        self.vectors: dict[VectorKey, NDArray[np.float16]] = {}
        self._known = known
        self._keys = keys
        self._fence_key = fence_key

    async def versions(self, documents: Iterable[DocumentId], /) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        stored = {each: self.state.stored_version(each, self._fence(each)) for each in documents}
        return {document: version for document, version in stored.items() if version is not None}

    async def put_document(
        self, document: DocumentId, version: int, fields: DocumentFields, content: NewContent | None, now: datetime, /
    ) -> Position:
        """Write a document's new version and its change."""
        former = self.state.documents.get(document)
        if content is not None:
            for cut in content.cuts.values():
                self._take_vectors(cut)
        elif former is None:
            raise DocumentNotFound(metadata={"document": document})
        key = former.key if former else DocumentKey(next(self._keys.documents))
        position = self._change(key)
        if former is not None:
            kept = self.state.contents[former.content]
            moved = replace(kept, version=version, title=fields.title)
            self.state.contents[kept.key] = moved if content is None else replace(kept, superseded=position)
        present = former.content if former is not None and content is None else None
        self.state.documents[document] = Document(
            key=key,
            document=document,
            version=version,
            fields=fields,
            content=present or self._put_content(key, version, fields.title, content),
            position=position,
            created=former.created if former else now,
            updated=now,
        )
        self.state.fences.pop(self._fence(document), None)
        return position

    async def delete_document(self, document: DocumentId, version: int, now: datetime, /) -> Position:
        """Delete a document with its contents and leave a fence."""
        former = self.state.documents.pop(document, None)
        if former is None:
            raise DocumentNotFound(metadata={"document": document})
        self.state.contents = {
            key: content for key, content in self.state.contents.items() if content.document != former.key
        }
        await self.put_fence(document, version, now)
        return self._change(former.key)

    async def put_fence(self, document: DocumentId, version: int, now: datetime, /) -> None:
        """Leave a fence."""
        self.state.fences[self._fence(document)] = version

    async def add_generation(
        self, generation: Generation, recipe: Recipe | None, state: GenerationState, now: datetime, /
    ) -> GenerationNumber:
        """Have a further generation."""
        self.state.generations += 1
        record = GenerationRecord(
            number=GenerationNumber(self.state.generations),
            generation=generation,
            recipe=recipe,
            state=state,
            created=now,
            activated=None,
        )
        self._have(added(self.collection.generations, record))
        return record.number

    async def set_generation_state(self, number: GenerationNumber, state: GenerationState, now: datetime, /) -> None:
        """Move a generation. Raises `GenerationNotFound`."""
        self._have(moved(self.collection.generations, number, state, now))

    async def put_cut(self, content: ContentKey, generation: GenerationNumber, cut: NewCut, /) -> bool:
        """Write the passages that a generation has of a content. Raises `VectorsMissing`, `GenerationNotFound`."""
        self.collection.generation(generation)
        stored = self.state.contents.get(content)
        if stored is None or stored.superseded is not None or generation in stored.new.cuts:
            return False
        self._take_vectors(cut)
        keys = tuple(PassageKey(next(self._keys.passages)) for _ in cut.passages)
        self.state.contents[content] = replace(
            stored,
            new=replace(stored.new, cuts={**stored.new.cuts, generation: cut}),
            passages={**stored.passages, generation: keys},
        )
        return True

    def _have(self, generations: Generations) -> None:
        self.state.record = self.collection = replace(self.state.record, generations=generations)

    def _change(self, document: DocumentKey) -> Position:
        position = Position(self.state.record.head + 1)
        self.state.record = replace(self.state.record, head=position)
        self.state.log[position] = document
        return position

    def _put_content(self, document: DocumentKey, version: int, title: str, content: NewContent | None) -> ContentKey:
        assert content is not None
        key = ContentKey(next(self._keys.contents))
        passages = {
            number: tuple(PassageKey(next(self._keys.passages)) for _ in cut.passages)
            for number, cut in content.cuts.items()
        }
        self.state.contents[key] = Content(
            key=key, document=document, version=version, title=title, new=content, passages=passages
        )
        return key

    def _take_vectors(self, cut: NewCut) -> None:
        """Take known ones too: before the commit, another collection's transaction may forget them."""
        tenant = self.collection.name.tenant
        keys = {(tenant, cut.generation.embedder, passage.text_hash) for passage in cut.passages}
        known = {**cut.vectors, **{key[2]: self._known[key] for key in keys if key in self._known}}
        known |= {key[2]: self.vectors[key] for key in keys if key in self.vectors}
        if any(key[2] not in known for key in keys):
            raise VectorsMissing
        self.vectors |= {key: known[key[2]] for key in keys}

    def _fence(self, document: DocumentId) -> bytes:
        return name_hash(self._fence_key, self.collection.key, document)
