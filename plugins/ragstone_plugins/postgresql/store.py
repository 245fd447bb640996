"""The catalog store over its database."""

import secrets
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.postgresql import administering, following, generations, passages, reading
from ragstone_plugins.postgresql.checking import check, refused
from ragstone_plugins.postgresql.connections import Database
from ragstone_plugins.postgresql.operations import PostgresqlOperationStore
from ragstone_plugins.postgresql.pool import Pool
from ragstone_plugins.postgresql.prompts import PostgresqlPromptStore
from ragstone_plugins.postgresql.questions import PostgresqlQuestionStore
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_plugins.postgresql.sources import PostgresqlSourceStore
from ragstone_plugins.postgresql.transaction import PostgresqlTransaction
from ragstone_server.spi.catalog_rows import collection_head, to_micros
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
from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.host import Host
from ragstone_server.spi.names import CollectionName, DocumentId, TenantId
from ragstone_server.spi.positions import CollectionKey, ContentKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.views import ChangeBatch

_LOCK = "SELECT * FROM collection WHERE key = %s FOR NO KEY UPDATE"
_BEGIN = """
    INSERT INTO meta VALUES ('epoch', convert_to(%s, 'UTF8')), ('fence_key', %s) ON CONFLICT DO NOTHING
"""


class PostgresqlCatalogStore:
    """Fits `CatalogStore`. What callers wait for is decompressed in the interactive lane, what followers do in the bulk lane."""

    def __init__(self, database: Database, host: Host, epoch: str, fence_key: bytes) -> None:
        self.epoch = epoch
        self.shared = True
        self.snapshots = None  # the database has backups of its own
        self.prompts = PostgresqlPromptStore(database)
        self.sources = PostgresqlSourceStore(database, fence_key)
        self.operations = PostgresqlOperationStore(database)
        self.questions = PostgresqlQuestionStore(database)
        self._database = database
        self._host = host
        self._fence_key = fence_key

    @asynccontextmanager
    async def transaction(self, collection: CollectionKey, /) -> AsyncIterator[PostgresqlTransaction]:
        """Write to a collection; committed and synced when the context is left without an error."""
        async with self._database.transaction() as transaction:
            record = reading.the_collection(await transaction.run(_LOCK, (collection,)))
            opened = PostgresqlTransaction(transaction, self._fence_key, record)
            transaction.before_commit(opened.left)
            yield opened
            reach(FailPoint.CATALOG_BEFORE_COMMIT)
        reach(FailPoint.CATALOG_AFTER_COMMIT)

    async def create_collection(
        self, name: CollectionName, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionAlreadyExists`."""
        return await administering.create_collection(self._database, name, settings, to_micros(now))

    async def collection(self, name: CollectionName, /) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        return await reading.collection(self._database, name)

    async def collections(self, tenant: TenantId | None, after: str, limit: int, /) -> tuple[CollectionRecord, ...]:
        """A page of collections."""
        return await reading.collections(self._database, tenant, after, limit)

    async def heads(self) -> tuple[CollectionHead, ...]:
        """Of the collections that have changed."""
        rows = await self._database.read("SELECT key, name, head FROM collection WHERE head > 0")
        return tuple(collection_head(row) for row in rows)

    async def update_collection(
        self, key: CollectionKey, settings: CollectionSettings, now: datetime, /
    ) -> CollectionRecord:
        """Raises `CollectionNotFound`."""
        return await administering.update_collection(self._database, key, settings, to_micros(now))

    async def delete_collection(self, key: CollectionKey, /, *, force: bool) -> None:
        """Raises `CollectionNotFound`, and `CollectionNotEmpty` without force."""
        await administering.delete_collection(self._database, key, force)

    async def document(self, collection: CollectionKey, document: DocumentId, /) -> DocumentRecord | None:
        """One document, or None."""
        return await reading.document(self._database, collection, document)

    async def versions(
        self, collection: CollectionKey, documents: Iterable[DocumentId], /
    ) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        return await reading.versions(self._database, self._fence_key, collection, documents)

    async def documents(self, collection: CollectionKey, after: str, limit: int, /) -> tuple[DocumentRecord, ...]:
        """A page of documents."""
        return await reading.documents(self._database, collection, after, limit)

    async def document_count(self, collection: CollectionKey, /) -> int:
        """How many documents there are."""
        return await reading.document_count(self._database, collection)

    async def vectors(
        self, tenant: TenantId, embedder: str, hashes: Sequence[bytes], /
    ) -> Mapping[bytes, NDArray[np.float16]]:
        """Vectors that are known."""
        return await reading.vectors(self._database, tenant, embedder, hashes)

    async def passages(
        self, collection: CollectionKey, keys: Sequence[PassageKey], /
    ) -> Mapping[PassageKey, StoredPassage]:
        """Passages with their texts."""
        return await passages.passages(self._database, self._host.interactive, collection, keys)

    async def neighbours(
        self, content: ContentKey, generation: GenerationNumber, first: int, last: int, /
    ) -> tuple[tuple[ByteRange, str], ...]:
        """Passages of one content by their ordinals."""
        return await passages.neighbours(self._database, content, generation, first, last)

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
        return await following.changes(
            self._database, self._host.bulk, collection, generation, after, limit, texts=texts, vectors=vectors
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
        return await following.snapshot(
            self._database, self._host.bulk, collection, generation, after, limit, texts=texts, vectors=vectors
        )

    async def uncut(
        self, collection: CollectionKey, generation: GenerationNumber, after: DocumentKey, limit: int, /
    ) -> tuple[UncutContent, ...]:
        """Present contents without passages of the generation."""
        return await generations.uncut(self._database, self._host.bulk, collection, generation, after, limit)

    async def drop_generation(self, collection: CollectionKey, generation: GenerationNumber, limit: int, /) -> int:
        """Delete some rows of a generation that is not live."""
        return await generations.drop_some(self._database, collection, generation, limit)

    async def retire(self, collection: CollectionKey, upto: Position, keep_after: Position, now: datetime, /) -> int:
        """Delete superseded contents and the beginning of the log."""
        return await administering.retire(self._database, collection, upto, keep_after)

    async def put_follower(self, collection: CollectionKey, view: str, durable: Position, now: datetime, /) -> None:
        """Note how far a view has come."""
        await administering.put_follower(self._database, collection, view, durable, to_micros(now))

    async def drop_followers(self, collection: CollectionKey, before: datetime, /) -> None:
        """Forget views that are gone."""
        await self._database.write(
            "DELETE FROM follower WHERE collection = %s AND seen < %s", (collection, to_micros(before))
        )

    async def followers(self, collection: CollectionKey, /) -> Mapping[str, Position]:
        """Views with their durable positions."""
        return await reading.followers(self._database, collection)


@asynccontextmanager
async def open_store(config: PostgresqlConfig, host: Host) -> AsyncIterator[PostgresqlCatalogStore]:
    """Open the database. Raises `StartError`."""
    facts = await check(config)
    pool = Pool(config)
    try:
        await pool.open()
        database = Database(pool, config, facts)
        try:
            await database.write(_BEGIN, (str(uuid.uuid4()), secrets.token_bytes(32)))
            meta = {row["key"]: row["value"] for row in await database.read("SELECT key, value FROM meta")}
        except RequestError as error:
            raise refused(error.__cause__ or error) from error
        yield PostgresqlCatalogStore(database, host, meta["epoch"].decode(), meta["fence_key"])
    finally:
        await pool.close()
