"""The statements that write a document. Each runs inside a transaction of its collection."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from ragstone_plugins.sqlite.blocks import rows_of
from ragstone_plugins.sqlite.cuts import put_passages, space_of
from ragstone_plugins.sqlite.fences import Fences
from ragstone_server.spi.catalog_store import DocumentFields, GenerationNumber, NewContent
from ragstone_server.spi.errors import DocumentNotFound
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, ContentKey, Position

PUT, MOVE, DELETE = "put", "move", "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentWriter:
    """Writes to one collection."""

    collection: CollectionKey
    fences: Fences

    def put(
        self,
        connection: sqlite3.Connection,
        document: DocumentId,
        version: int,
        fields: DocumentFields,
        content: NewContent | None,
        now: int,
    ) -> Position:
        """As `CatalogTransaction.put_document`."""
        key = self._key(connection, document)
        if content is None and key is None:
            raise DocumentNotFound(metadata={"document": document})
        spaces = (
            {} if content is None else {n: space_of(connection, self.collection, c) for n, c in content.cuts.items()}
        )
        position = self._next(connection)
        key = self._put_row(connection, document, version, fields, position, now)
        if content is None:
            connection.execute(
                "UPDATE content SET version = ?, title = ? WHERE document = ? AND superseded IS NULL",
                (version, fields.title, key),
            )
        else:
            connection.execute(
                "UPDATE content SET superseded = ? WHERE document = ? AND superseded IS NULL", (position, key)
            )
            self._put_content(connection, key, version, fields.title, content, spaces)
        self.fences.lift(connection, self.collection, document)
        self._log(connection, position, key, MOVE if content is None else PUT)
        return position

    def delete(self, connection: sqlite3.Connection, document: DocumentId, version: int, now: int) -> Position:
        """As `CatalogTransaction.delete_document`; cascades and triggers delete what hangs on it."""
        key = self._key(connection, document)
        if key is None:
            raise DocumentNotFound(metadata={"document": document})
        position = self._next(connection)
        connection.execute("DELETE FROM document WHERE key = ?", (key,))
        self.fences.put(connection, self.collection, document, version, now)
        self._log(connection, position, key, DELETE)
        return position

    def _key(self, connection: sqlite3.Connection, document: DocumentId) -> int | None:
        row = connection.execute(
            "SELECT key FROM document WHERE collection = ? AND id = ?", (self.collection, document)
        ).fetchone()
        return None if row is None else int(row["key"])

    def _next(self, connection: sqlite3.Connection) -> Position:
        """The collection's row is locked until the commit, so positions are in commit order."""
        row = connection.execute(
            "UPDATE collection SET head = head + 1 WHERE key = ? RETURNING head", (self.collection,)
        ).fetchone()
        return Position(row["head"])

    def _log(self, connection: sqlite3.Connection, position: Position, document: int, kind: str) -> None:
        connection.execute("INSERT INTO change VALUES (?, ?, ?, ?)", (self.collection, position, document, kind))

    def _put_row(
        self,
        connection: sqlite3.Connection,
        document: DocumentId,
        version: int,
        fields: DocumentFields,
        position: Position,
        now: int,
    ) -> int:
        row = connection.execute(
            "INSERT INTO document (collection, id, version, uri, mime_type, language, attributes, position, created, "
            "updated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9) ON CONFLICT (collection, id) DO UPDATE SET "
            "version = excluded.version, uri = excluded.uri, mime_type = excluded.mime_type, "
            "language = excluded.language, attributes = excluded.attributes, position = excluded.position, "
            "updated = excluded.updated RETURNING key",
            (
                self.collection,
                document,
                version,
                fields.uri,
                fields.mime_type,
                fields.language,
                fields.attributes.key,
                position,
                now,
            ),
        ).fetchone()
        return int(row["key"])

    def _put_content(
        self,
        connection: sqlite3.Connection,
        document: int,
        version: int,
        title: str,
        content: NewContent,
        spaces: Mapping[GenerationNumber, int],
    ) -> None:
        data = content.text.encode()
        row = connection.execute(
            "INSERT INTO content (collection, document, version, title, content_hash, size_bytes, text_bytes, outline) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING key",
            (
                self.collection,
                document,
                version,
                title,
                content.content_hash,
                content.size_bytes,
                len(data),
                content.outline,
            ),
        ).fetchone()
        key = ContentKey(row["key"])
        connection.executemany("INSERT INTO block VALUES (?, ?, ?)", rows_of(key, data))
        for generation, cut in content.cuts.items():
            put_passages(connection, key, generation, cut, spaces[generation])
