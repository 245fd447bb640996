"""From rows to the values of `spi`, and back."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

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
_FLOAT16 = np.dtype("<f2")  # the file may move to a machine of the other byte order


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _BEGIN) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Inverse of `to_micros`."""
    return _BEGIN + micros * _MICROSECOND


def to_blob(vector: NDArray[np.float16]) -> bytes:
    """Two bytes a dimension."""
    return vector.astype(_FLOAT16, copy=False).tobytes()


def from_blob(data: bytes) -> NDArray[np.float16]:
    """Inverse of `to_blob`; read-only."""
    return np.frombuffer(data, dtype=_FLOAT16)


def to_headings(headings: tuple[str, ...]) -> str:
    """A heading path as JSON; most have none, and that is the empty text."""
    return json.dumps(headings, ensure_ascii=False) if headings else ""


def from_headings(text: str) -> tuple[str, ...]:
    """Inverse of `to_headings`."""
    return tuple(json.loads(text)) if text else ()


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
    """A row of `document` joined with its present `content`."""
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
