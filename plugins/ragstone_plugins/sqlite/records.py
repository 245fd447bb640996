"""From rows to the values of `spi`."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

from ragstone_server.spi.catalog_store import (
    CollectionRecord,
    CollectionSettings,
    DefaultReaders,
    DocumentFields,
    DocumentRecord,
    Generation,
    VersionScheme,
)
from ragstone_server.spi.names import CollectionName, DocumentId
from ragstone_server.spi.positions import CollectionKey, DocumentKey, Position
from ragstone_server.spi.visibility import Attributes

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _BEGIN) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Inverse of `to_micros`."""
    return _BEGIN + micros * _MICROSECOND


def collection_record(row: sqlite3.Row) -> CollectionRecord:
    """A row of `collection`."""
    return CollectionRecord(
        key=CollectionKey(row["key"]),
        name=CollectionName.parse(row["name"]),
        settings=CollectionSettings(
            description=row["description"],
            default_readers=DefaultReaders(row["default_readers"]),
            version_scheme=VersionScheme(row["version_scheme"]),
        ),
        generation=None if row["embedder"] is None else Generation(embedder=row["embedder"], chunker=row["chunker"]),
        created=from_micros(row["created"]),
        updated=from_micros(row["updated"]),
        head=Position(row["head"]),
        trimmed=Position(row["trimmed"]),
    )


def document_record(row: sqlite3.Row) -> DocumentRecord:
    """A row of `document` joined with its `content`."""
    return DocumentRecord(
        key=DocumentKey(row["key"]),
        document=DocumentId(row["id"]),
        version=row["version"],
        fields=DocumentFields(
            title=row["title"],
            uri=row["uri"],
            mime_type=row["mime_type"],
            language=row["language"],
            attributes=Attributes.from_key(row["attributes"]),
        ),
        size_bytes=row["size_bytes"],
        passages=row["passages"],
        position=Position(row["position"]),
        created=from_micros(row["created"]),
        updated=from_micros(row["updated"]),
    )


def headings(text: str) -> tuple[str, ...]:
    """The heading path of a row of `passage`."""
    return tuple(json.loads(text))
