"""The catalog store over its connections."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.sqlite import following, reading
from ragstone_plugins.sqlite.connections import Readers, Writer
from ragstone_plugins.sqlite.fences import Fences
from ragstone_plugins.sqlite.records import collection_record, to_micros
from ragstone_plugins.sqlite.sweep import delete_contents
from ragstone_plugins.sqlite.transaction import SqliteTransaction
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    CollectionSettings,
    DocumentRecord,
    StoredPassage,
    StoredVersion,
)
from ragstone_server.spi.errors import CollectionAlreadyExists, CollectionNotEmpty, CollectionNotFound
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.host import Host
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.views import ChangeBatch


class SqliteCatalogStore:
    """Fits `CatalogStore`. Requests read in the interactive lane, followers in the bulk lane."""

    def __init__(self, writer: Writer, readers: Readers, host: Host, epoch: str, fences: Fences) -> None:
        self._writer = writer
        self._readers = readers
        self._host = host
        self._fences = fences
        self.epoch = epoch

    @asynccontextmanager
    async def transaction(self, collection: CollectionKey, /) -> AsyncIterator[SqliteTransaction]:
        """Write to a collection; committed and synced when the context is left without an error."""
        async with self._writing():
            record = await self._writer.run(reading.collection_by_key, collection)
            yield SqliteTransaction(self._writer, self._fences, record)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        async with self._writer.lock:
            await self._writer.run(_execute, "BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                await self._writer.run(_rollback)
                raise
            try:
                await self._writer.run(_commit)
            except Exception:
                await self._writer.run(_rollback)
                raise

    async def create_collection(
        self, name: CollectionName, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionAlreadyExists`."""

        def create(connection: sqlite3.Connection) -> CollectionRecord:
            row = connection.execute(
                "INSERT INTO collection (tenant, name, description, default_readers, version_scheme, created, updated) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO NOTHING RETURNING *",
                (
                    name.tenant,
                    str(name),
                    settings.description,
                    settings.default_readers,
                    settings.version_scheme,
                    to_micros(now),
                ),
            ).fetchone()
            if row is None:
                raise CollectionAlreadyExists(
                    f"there is a collection {name} already", metadata={"collection": str(name)}
                )
            return collection_record(row)

        async with self._writing():
            return await self._writer.run(create)

    async def collection(self, name: CollectionName, /) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        return await self._readers.run(self._host.interactive, reading.collection_by_name, name)

    async def collections(self, tenant: TenantId | None, after: str, limit: int, /) -> tuple[CollectionRecord, ...]:
        """A page of collections."""
        return await self._readers.run(self._host.interactive, reading.collections, tenant, after, limit)

    async def update_collection(
        self, key: CollectionKey, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionNotFound`."""

        def update(connection: sqlite3.Connection) -> CollectionRecord:
            row = connection.execute(
                "UPDATE collection SET description = ?, default_readers = ?, version_scheme = ?, updated = ? "
                "WHERE key = ? RETURNING *",
                (settings.description, settings.default_readers, settings.version_scheme, to_micros(now), key),
            ).fetchone()
            if row is None:
                raise CollectionNotFound
            return collection_record(row)

        async with self._writing():
            return await self._writer.run(update)

    async def delete_collection(self, key: CollectionKey, /, *, force: bool) -> None:
        """Raises `CollectionNotFound`, and `CollectionNotEmpty` without force."""

        def delete(connection: sqlite3.Connection) -> None:
            record = reading.collection_by_key(connection, key)
            if not force and reading.document_count(connection, key):
                raise CollectionNotEmpty(metadata={"collection": str(record.name)})
            contents = connection.execute(
                "SELECT c.key FROM content c JOIN document d ON d.key = c.document WHERE d.collection = ?", (key,)
            ).fetchall()
            delete_contents(connection, [row["key"] for row in contents])
            connection.execute("DELETE FROM collection WHERE key = ?", (key,))

        async with self._writing():
            await self._writer.run(delete)

    async def document(self, collection: CollectionKey, document: DocumentId, /) -> DocumentRecord | None:
        """One document, or None."""
        return await self._readers.run(self._host.interactive, reading.document, collection, document)

    async def versions(
        self, collection: CollectionKey, documents: Iterable[DocumentId], /
    ) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        return await self._readers.run(self._host.interactive, self._fences.versions, collection, tuple(documents))

    async def documents(self, collection: CollectionKey, after: str, limit: int, /) -> tuple[DocumentRecord, ...]:
        """A page of documents."""
        return await self._readers.run(self._host.interactive, reading.documents, collection, after, limit)

    async def document_count(self, collection: CollectionKey, /) -> int:
        """How many documents there are."""
        return await self._readers.run(self._host.interactive, reading.document_count, collection)

    async def vectors(
        self, tenant: TenantId, embedder: str, hashes: Sequence[bytes], /
    ) -> Mapping[bytes, NDArray[np.float16]]:
        """Vectors that are known."""
        return await self._readers.run(self._host.interactive, reading.vectors, tenant, embedder, hashes)

    async def passages(
        self, collection: CollectionKey, keys: Sequence[PassageKey], /
    ) -> Mapping[PassageKey, StoredPassage]:
        """Passages with their texts."""
        return await self._readers.run(self._host.interactive, reading.passages, collection, keys)

    async def neighbours(self, content: ContentKey, first: int, last: int, /) -> tuple[tuple[ByteRange, str], ...]:
        """Passages of one content by their ordinals."""
        return await self._readers.run(self._host.interactive, reading.neighbours, content, first, last)

    async def changes(
        self, collection: CollectionKey, after: Position, limit: int, /, *, texts: bool, vectors: str | None
    ) -> ChangeBatch:
        """The log after a position. Raises `LogTrimmed`."""
        return await self._readers.run(
            self._host.bulk, following.changes, collection, after, limit, texts=texts, vectors=vectors
        )

    async def snapshot(
        self, collection: CollectionKey, after: DocumentKey, limit: int, /, *, texts: bool, vectors: str | None
    ) -> tuple[ChangeBatch, DocumentKey | None]:
        """The present state, page by page."""
        return await self._readers.run(
            self._host.bulk, following.snapshot, collection, after, limit, texts=texts, vectors=vectors
        )

    async def retire(self, collection: CollectionKey, upto: Position, keep_after: Position, now: datetime, /) -> int:
        """Delete superseded contents and old rows of the log."""

        def retire(connection: sqlite3.Connection) -> int:
            rows = connection.execute(
                "SELECT c.key FROM content c JOIN document d ON d.key = c.document "
                "WHERE d.collection = ? AND c.superseded <= ?",
                (collection, upto),
            ).fetchall()
            delete_contents(connection, [row["key"] for row in rows])
            connection.execute("DELETE FROM change WHERE collection = ? AND position <= ?", (collection, keep_after))
            connection.execute(
                "UPDATE collection SET trimmed = max(trimmed, min(?, head)) WHERE key = ?", (keep_after, collection)
            )
            return len(rows)

        async with self._writing():
            return await self._writer.run(retire)

    async def put_follower(self, collection: CollectionKey, view: str, durable: Position, /) -> None:
        """Note how far a view has come."""

        def put(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO follower SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM collection WHERE key = ?1) "
                "ON CONFLICT DO UPDATE SET durable = ?3",
                (collection, view, durable),
            )

        async with self._writing():
            await self._writer.run(put)

    async def followers(self, collection: CollectionKey, /) -> Mapping[str, Position]:
        """Views with their durable positions."""
        return await self._readers.run(self._host.bulk, reading.followers, collection)


def _execute(connection: sqlite3.Connection, statement: str) -> None:
    connection.execute(statement)


def _commit(connection: sqlite3.Connection) -> None:
    reach(FailPoint.CATALOG_BEFORE_COMMIT)
    connection.execute("COMMIT")
    reach(FailPoint.CATALOG_AFTER_COMMIT)


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
