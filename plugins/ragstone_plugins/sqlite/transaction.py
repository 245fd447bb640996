"""One transaction of one collection."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ragstone_plugins.sqlite.fences import Fences
from ragstone_plugins.sqlite.writer import Writer
from ragstone_plugins.sqlite.writing import DocumentWriter
from ragstone_server.spi.catalog_rows import to_micros
from ragstone_server.spi.catalog_store import CollectionRecord, DocumentFields, Generation, NewContent, StoredVersion
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import Position


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

    async def set_generation(self, generation: Generation, /) -> None:
        """Name what makes the collection's passages and vectors."""
        await self._writer.run(
            lambda connection: connection.execute(
                "UPDATE collection SET embedder = ?, chunker = ? WHERE key = ?",
                (generation.embedder, generation.chunker, self.collection.key),
            ).close()
        )
