"""Versions of documents, and what is left of deleted ones: a keyed hash of the name, and its version."""

import json
import sqlite3
from collections.abc import Mapping, Sequence

from ragstone_plugins.sqlite.many import groups, marks
from ragstone_plugins.sqlite.reading import PASSAGES
from ragstone_server.spi.catalog_rows import fence_version, name_hash, stored_version
from ragstone_server.spi.catalog_store import StoredVersion
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey


class Fences:
    """Hashes names with the catalog's own key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def name_hash(self, collection: CollectionKey, document: DocumentId) -> bytes:
        """16 bytes that tell nothing without the key, and differ between collections."""
        return name_hash(self._key, collection, document)

    def put(
        self, connection: sqlite3.Connection, collection: CollectionKey, document: DocumentId, version: int, now: int
    ) -> None:
        """Leave a fence."""
        connection.execute(
            "INSERT INTO fence VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET version = ?3, created = ?4",
            (collection, self.name_hash(collection, document), version, now),
        )

    def lift(self, connection: sqlite3.Connection, collection: CollectionKey, document: DocumentId) -> None:
        """Remove the fence where there is one."""
        connection.execute(
            "DELETE FROM fence WHERE collection = ? AND name_hash = ?",
            (collection, self.name_hash(collection, document)),
        )

    def versions(
        self, connection: sqlite3.Connection, collection: CollectionKey, documents: Sequence[DocumentId]
    ) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of those documents that have one."""
        rows = connection.execute(
            f"SELECT d.*, c.title, {PASSAGES}, c.content_hash FROM json_each(?2) w "  # noqa: S608 - a constant
            "CROSS JOIN document d ON d.collection = ?1 AND d.id = w.value "
            "CROSS JOIN content c ON c.document = d.key AND c.superseded IS NULL",
            (collection, json.dumps(documents)),
        )
        found = {DocumentId(row["id"]): stored_version(row) for row in rows}
        missing = {self.name_hash(collection, each): each for each in documents if each not in found}
        for group in groups(list(missing)):
            fences = connection.execute(
                f"SELECT name_hash, version FROM fence WHERE collection = ? AND name_hash IN ({marks(group)})",  # noqa: S608 - question marks only
                (collection, *group),
            )
            for row in fences:
                found[missing[row["name_hash"]]] = fence_version(row["version"])
        return found
