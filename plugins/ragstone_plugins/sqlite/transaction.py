"""One transaction of one collection."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ragstone_plugins.sqlite import generations
from ragstone_plugins.sqlite.fences import Fences
from ragstone_plugins.sqlite.writer import Writer
from ragstone_plugins.sqlite.writing import DocumentWriter
from ragstone_server.spi.catalog_rows import to_micros
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    DocumentFields,
    Generation,
    GenerationNumber,
    GenerationState,
    NewContent,
    NewCut,
    StoredVersion,
)
from ragstone_server.spi.generations import Recipe
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import ContentKey, Position


class SqliteTransaction:
    """Fits `CatalogTransaction`; of use as long as the context that gave it."""

    def __init__(self, writer: Writer, fences: Fences, collection: CollectionRecord) -> None:
        self.collection = collection
        self._writer = writer
        self._fences = fences
        self._documents = DocumentWriter(collection=collection.key, fences=fences)

    async def versions(self, documents: Iterable[DocumentId], /) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        return await self._writer.run(self._fences.versions, self.collection.key, list(documents))

    async def put_document(
        self, document: DocumentId, version: int, fields: DocumentFields, content: NewContent | None, now: datetime, /
    ) -> Position:
        """Write a document's new version and its change."""
        return await self._writer.run(self._documents.put, document, version, fields, content, to_micros(now))

    async def delete_document(self, document: DocumentId, version: int, now: datetime, /) -> Position:
        """Delete a document with its contents and leave a fence."""
        return await self._writer.run(self._documents.delete, document, version, to_micros(now))

    async def put_fence(self, document: DocumentId, version: int, now: datetime, /) -> None:
        """Leave a fence."""
        await self._writer.run(self._fences.put, self.collection.key, document, version, to_micros(now))

    async def add_generation(
        self, generation: Generation, recipe: Recipe | None, state: GenerationState, now: datetime, /
    ) -> GenerationNumber:
        """Have a further generation."""
        self.collection = await self._writer.run(generations.add, self.collection.key, generation, recipe, state, now)
        return self.collection.generations[-1].number

    async def set_generation_state(self, number: GenerationNumber, state: GenerationState, now: datetime, /) -> None:
        """Move a generation. Raises `GenerationNotFound`."""
        self.collection = await self._writer.run(generations.set_state, self.collection.key, number, state, now)

    async def put_cut(self, content: ContentKey, generation: GenerationNumber, cut: NewCut, /) -> bool:
        """Write the passages that a generation has of a content. Raises `VectorsMissing`, `GenerationNotFound`."""
        return await self._writer.run(generations.put_cut, self.collection.key, content, generation, cut)
