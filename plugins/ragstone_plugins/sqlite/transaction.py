"""Writes of one collection, as statements of one transaction."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime

from ragstone_plugins.sqlite.blocks import cut
from ragstone_plugins.sqlite.connections import Writer
from ragstone_plugins.sqlite.fences import Fences
from ragstone_plugins.sqlite.records import to_micros
from ragstone_plugins.sqlite.sweep import delete_contents
from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    DocumentFields,
    Generation,
    NewContent,
    StoredVersion,
)
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import Position


class SqliteTransaction:
    """Fits `CatalogTransaction`; open as long as the store's writer is locked."""

    def __init__(self, writer: Writer, fences: Fences, collection: CollectionRecord) -> None:
        self._writer = writer
        self._fences = fences
        self.collection = collection

    async def versions(self, documents: Iterable[DocumentId], /) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of the documents that have one."""
        return await self._writer.run(self._fences.versions, self.collection.key, tuple(documents))

    async def put_document(
        self, document: DocumentId, version: int, fields: DocumentFields, content: NewContent | None, now: datetime, /
    ) -> Position:
        """Write a document's new version and its change."""
        return await self._writer.run(self._put_document, document, version, fields, content, to_micros(now))

    async def delete_document(self, document: DocumentId, version: int, now: datetime, /) -> Position:
        """Delete a document with its contents and leave a fence."""
        return await self._writer.run(self._delete_document, document, version, to_micros(now))

    async def put_fence(self, document: DocumentId, version: int, now: datetime, /) -> None:
        """Leave a fence."""
        await self._writer.run(self._put_fence, document, version, to_micros(now))

    async def set_generation(self, generation: Generation, /) -> None:
        """Name what makes the collection's passages and vectors."""
        await self._writer.run(
            lambda connection: connection.execute(
                "UPDATE collection SET embedder = ?, chunker = ? WHERE key = ?",
                (generation.embedder, generation.chunker, self.collection.key),
            )
        )

    def _put_document(
        self,
        connection: sqlite3.Connection,
        document: DocumentId,
        version: int,
        fields: DocumentFields,
        content: NewContent | None,
        now: int,
    ) -> Position:
        collection = self.collection.key
        row = connection.execute(
            "SELECT key, content FROM document WHERE collection = ? AND id = ?", (collection, document)
        ).fetchone()
        if row is None:
            key = connection.execute(
                "INSERT INTO document (collection, id, version, title, uri, mime_type, attributes, content, position, "
                "created, updated) VALUES (?, ?, ?, '', '', '', '', 0, 0, ?, ?)",
                (collection, document, version, now, now),
            ).lastrowid
            assert key is not None
        else:
            key = row["key"]
        position = self._change(connection, key)
        if content is None:
            content_key = row["content"]
            connection.execute("UPDATE content SET version = ? WHERE key = ?", (version, content_key))
        else:
            connection.execute(
                "UPDATE content SET superseded = ? WHERE document = ? AND superseded IS NULL", (position, key)
            )
            content_key = self._put_content(connection, key, version, content)
        connection.execute(
            "UPDATE document SET version = ?, title = ?, uri = ?, mime_type = ?, language = ?, attributes = ?, "
            "content = ?, position = ?, updated = ? WHERE key = ?",
            (
                version,
                fields.title,
                fields.uri,
                fields.mime_type,
                fields.language,
                fields.attributes.key,
                content_key,
                position,
                now,
                key,
            ),
        )
        connection.execute(
            "DELETE FROM fence WHERE collection = ? AND name_hash = ?", (collection, self._fences.name_hash(document))
        )
        return position

    def _put_content(self, connection: sqlite3.Connection, document: int, version: int, content: NewContent) -> int:
        key = connection.execute(
            "INSERT INTO content (document, version, content_hash, size_bytes, passages) VALUES (?, ?, ?, ?, ?)",
            (document, version, content.content_hash, content.size_bytes, len(content.passages)),
        ).lastrowid
        assert key is not None
        connection.executemany("INSERT INTO block VALUES (?, ?, ?)", ((key, *block) for block in cut(content.text)))
        connection.executemany(
            "INSERT INTO passage (content, ordinal, id, start, stop, page, headings, text_hash, tokens) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    key,
                    ordinal,
                    passage.passage_id,
                    passage.range.start,
                    passage.range.end,
                    passage.page,
                    json.dumps(passage.headings, ensure_ascii=False),
                    passage.text_hash,
                    passage.tokens,
                )
                for ordinal, passage in enumerate(content.passages)
            ),
        )
        tenant = self.collection.name.tenant
        connection.execute(
            "INSERT INTO space (tenant, embedder) VALUES (?, ?) ON CONFLICT DO NOTHING", (tenant, content.embedder)
        )
        space = connection.execute(
            "SELECT key FROM space WHERE tenant = ? AND embedder = ?", (tenant, content.embedder)
        ).fetchone()["key"]
        connection.executemany(
            "INSERT INTO vector VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            ((space, text_hash, vector.tobytes()) for text_hash, vector in content.vectors.items()),
        )
        return key

    def _delete_document(
        self, connection: sqlite3.Connection, document: DocumentId, version: int, now: int
    ) -> Position:
        key = connection.execute(
            "SELECT key FROM document WHERE collection = ? AND id = ?", (self.collection.key, document)
        ).fetchone()["key"]
        contents = [row["key"] for row in connection.execute("SELECT key FROM content WHERE document = ?", (key,))]
        delete_contents(connection, contents)
        connection.execute("DELETE FROM document WHERE key = ?", (key,))
        self._put_fence(connection, document, version, now)
        return self._change(connection, key)

    def _put_fence(self, connection: sqlite3.Connection, document: DocumentId, version: int, now: int) -> None:
        connection.execute(
            "INSERT INTO fence VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET version = ?3, created = ?4",
            (self.collection.key, self._fences.name_hash(document), version, now),
        )

    def _change(self, connection: sqlite3.Connection, document: int) -> Position:
        """Take the collection's next position; its row is locked until the commit, so positions are in commit order."""
        position = connection.execute(
            "UPDATE collection SET head = head + 1 WHERE key = ? RETURNING head", (self.collection.key,)
        ).fetchone()["head"]
        connection.execute("INSERT INTO change VALUES (?, ?, ?)", (self.collection.key, position, document))
        return Position(position)
