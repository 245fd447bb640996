"""The catalog store over its connections."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.sqlite import administering, following, generations, passages, reading
from ragstone_plugins.sqlite.connections import Readers
from ragstone_plugins.sqlite.epoch import catalog_path
from ragstone_plugins.sqlite.fences import Fences
from ragstone_plugins.sqlite.migrate import migrate
from ragstone_plugins.sqlite.operations import SqliteOperationStore
from ragstone_plugins.sqlite.prompts import SqlitePromptStore
from ragstone_plugins.sqlite.questions import SqliteQuestionStore
from ragstone_plugins.sqlite.restoring import finish_restore
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_plugins.sqlite.snapshots import SqliteSnapshots
from ragstone_plugins.sqlite.sources import SqliteSourceStore
from ragstone_plugins.sqlite.transaction import SqliteTransaction
from ragstone_plugins.sqlite.writer import Writer, open_writer
from ragstone_server.spi.catalog_rows import to_micros
from ragstone_server.spi.catalog_store import (
    CollectionHead,
    CollectionRecord,
    CollectionSettings,
    DocumentRecord,
    GenerationNumber,
    StoredPassage,
    StoredVersion,
    UncutContent,
)
from ragstone_server.spi.errors import StartError, StorageFull
from ragstone_server.spi.host import Host
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.views import ChangeBatch


class SqliteCatalogStore:
    """Fits `CatalogStore`. Callers read in the interactive lane; followers and ingestion in the bulk lane."""

    def __init__(
        self, writer: Writer, readers: Readers, host: Host, snapshots: SqliteSnapshots, epoch: str, fences: Fences
    ) -> None:
        self.epoch = epoch
        self.snapshots = snapshots
        self.shared = False  # another process that opens the file would have the data directory's lock
        self.prompts = SqlitePromptStore(writer, readers, host.interactive)
        self.sources = SqliteSourceStore(writer, readers, host.interactive, fences)
        self.operations = SqliteOperationStore(writer, readers, host.interactive)
        self.questions = SqliteQuestionStore(writer, readers, host.interactive)
        self._writer = writer
        self._readers = readers
        self._interactive = host.interactive
        self._bulk = host.bulk
        self._fences = fences

    @asynccontextmanager
    async def transaction(self, collection: CollectionKey, /) -> AsyncIterator[SqliteTransaction]:
        """Write to a collection; committed and synced when the context is left without an error."""
        async with self._writer.transaction(documents=True):
            record = await self._writer.run(reading.collection_by_key, collection)
            yield SqliteTransaction(self._writer, self._fences, record)

    async def create_collection(
        self, name: CollectionName, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionAlreadyExists`."""
        return await self._writer.write(administering.create_collection, name, settings, to_micros(now))

    async def collection(self, name: CollectionName, /) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        return await self._readers.run(self._interactive, reading.collection, name)

    async def collections(self, tenant: TenantId | None, after: str, limit: int, /) -> tuple[CollectionRecord, ...]:
        """A page of collections."""
        return await self._readers.run(self._interactive, reading.collections, tenant, after, limit)

    async def heads(self) -> tuple[CollectionHead, ...]:
        """Of the collections that have changed."""
        return await self._readers.run(self._bulk, reading.heads)

    async def update_collection(
        self, key: CollectionKey, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        return await self._writer.write(administering.update_collection, key, settings, to_micros(now))

    async def delete_collection(self, key: CollectionKey, /, *, force: bool) -> None:
        """Raises `CollectionNotFound`, and `CollectionNotEmpty` without force."""
        await self._writer.write(administering.delete_collection, key, force)
        await self._writer.erase_log()

    async def document(self, collection: CollectionKey, document: DocumentId, /) -> DocumentRecord | None:
        """One document, or None."""
        return await self._readers.run(self._interactive, reading.document, collection, document)

    async def versions(
        self, collection: CollectionKey, documents: Iterable[DocumentId], /
    ) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        return await self._readers.run(self._interactive, self._fences.versions, collection, list(documents))

    async def documents(self, collection: CollectionKey, after: str, limit: int, /) -> tuple[DocumentRecord, ...]:
        """A page of documents."""
        return await self._readers.run(self._interactive, reading.documents, collection, after, limit)

    async def document_count(self, collection: CollectionKey, /) -> int:
        """How many documents there are."""
        return await self._readers.run(self._interactive, reading.document_count, collection)

    async def vectors(
        self, tenant: TenantId, embedder: str, hashes: Sequence[bytes], /
    ) -> Mapping[bytes, NDArray[np.float16]]:
        """Vectors that are known."""
        return await self._readers.run(self._bulk, reading.vectors, tenant, embedder, hashes)

    async def passages(
        self, collection: CollectionKey, keys: Sequence[PassageKey], /
    ) -> Mapping[PassageKey, StoredPassage]:
        """Passages with their texts."""
        return await self._readers.run(self._interactive, passages.passages, collection, keys)

    async def neighbours(
        self, content: ContentKey, generation: GenerationNumber, first: int, last: int, /
    ) -> tuple[tuple[ByteRange, str], ...]:
        """Passages of one content by their ordinals."""
        return await self._readers.run(self._interactive, passages.neighbours, content, generation, first, last)

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
        """The log after a position. Raises `LogTrimmed`."""
        return await self._readers.run(
            self._bulk, following.changes, collection, generation, after, limit, texts=texts, vectors=vectors
        )

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
        """The present state, page by page."""
        return await self._readers.run(
            self._bulk, following.snapshot, collection, generation, after, limit, texts=texts, vectors=vectors
        )

    async def uncut(
        self, collection: CollectionKey, generation: GenerationNumber, after: DocumentKey, limit: int, /
    ) -> tuple[UncutContent, ...]:
        """Present contents without passages of the generation."""
        return await self._readers.run(self._bulk, generations.uncut, collection, generation, after, limit)

    async def drop_generation(self, collection: CollectionKey, generation: GenerationNumber, limit: int, /) -> int:
        """Delete some rows of a generation that is not live."""
        return await self._writer.write(generations.drop_some, collection, generation, limit)

    async def retire(self, collection: CollectionKey, upto: Position, keep_after: Position, now: datetime, /) -> int:
        """Delete superseded contents and the beginning of the log; what was deleted leaves the write-ahead log too."""
        retired = 0
        while some := await self._writer.write(administering.retire_some, collection, upto):
            retired += some
        await self._writer.write(administering.trim, collection, keep_after)
        await self._writer.erase_log()
        return retired

    async def put_follower(self, collection: CollectionKey, view: str, durable: Position, now: datetime, /) -> None:
        """Note how far a view has come."""
        await self._writer.write(administering.put_follower, collection, view, durable, to_micros(now))

    async def drop_followers(self, collection: CollectionKey, before: datetime, /) -> None:
        """Forget views that are gone."""
        await self._writer.write(administering.drop_followers, collection, to_micros(before))

    async def followers(self, collection: CollectionKey, /) -> Mapping[str, Position]:
        """Views with their durable positions."""
        return await self._readers.run(self._interactive, reading.followers, collection)


@asynccontextmanager
async def open_store(config: SqliteConfig, host: Host) -> AsyncIterator[SqliteCatalogStore]:
    """Open the file. Raises `StartError`."""
    path = catalog_path(config, host.data_dir)
    await asyncio.to_thread(finish_restore, path, config)
    await asyncio.to_thread(migrate, path, config)
    async with open_writer(path, config) as writer:
        try:
            await writer.write(administering.begin_epoch)
            meta = await writer.run(reading.meta)
        except (sqlite3.Error, StorageFull) as error:
            raise StartError(f"the catalog {path} cannot be written ({error})") from error
        readers = Readers(path, config)
        try:
            snapshots = SqliteSnapshots(path, config, writer)
            fences = Fences(bytes(meta["fence_key"]))
            yield SqliteCatalogStore(writer, readers, host, snapshots, str(meta["epoch"]), fences)
        finally:
            readers.close()
