"""What is left of a deleted document: a keyed hash of its name, and its version."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping

from ragstone_server.spi.catalog_store import StoredVersion
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, DocumentKey


class Fences:
    """Hashes names with the catalog's own key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def name_hash(self, document: DocumentId) -> bytes:
        """The name, so that nobody without the key can tell whether it was stored."""
        return hashlib.blake2b(document.encode(), key=self._key, digest_size=16).digest()

    def versions(
        self, connection: sqlite3.Connection, collection: CollectionKey, documents: Iterable[DocumentId]
    ) -> Mapping[DocumentId, StoredVersion]:
        """Versions and fences of those documents that have one."""
        found: dict[DocumentId, StoredVersion] = {}
        for document in documents:
            row = connection.execute(
                "SELECT d.key, d.version, c.content_hash FROM document d JOIN content c ON c.key = d.content "
                "WHERE d.collection = ? AND d.id = ?",
                (collection, document),
            ).fetchone()
            if row is not None:
                found[document] = StoredVersion(
                    version=row["version"],
                    deleted=False,
                    content_hash=row["content_hash"],
                    document_key=DocumentKey(row["key"]),
                )
                continue
            row = connection.execute(
                "SELECT version FROM fence WHERE collection = ? AND name_hash = ?",
                (collection, self.name_hash(document)),
            ).fetchone()
            if row is not None:
                found[document] = StoredVersion(
                    version=row["version"], deleted=True, content_hash=b"", document_key=None
                )
        return found
