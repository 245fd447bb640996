"""Documents: what is sent, what became of it, what is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from ragstone.errors import InternalError, RagstoneError, from_status
from ragstone.metadata import Metadata, Value, from_wire
from ragstone.v1 import document_pb2, ingest_service_pb2


class Outcome(StrEnum):
    """What a write did."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document to store: `text` or `content`, one of them."""

    document: str
    """Your own id of it."""
    text: str | None = None
    content: bytes | None = field(default=None, repr=False)
    """The bytes of a file."""
    title: str | None = None
    uri: str | None = None
    filename: str | None = None
    mime_type: str | None = None
    version: int | None = None
    metadata: Metadata | None = None
    readers: Sequence[str] | None = None
    """Who may read it; None: the collection's default, empty: nobody."""
    collection: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write that is on disk."""

    document: str
    outcome: Outcome
    version: int
    watermark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What became of one document of `ingest`."""

    document: str
    outcome: Outcome
    version: int
    watermark: str
    error: RagstoneError | None
    """Set where the outcome is `FAILED`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document as the server holds it."""

    document: str
    version: int
    title: str
    uri: str
    mime_type: str
    language: str
    metadata: Mapping[str, Value]
    readers: tuple[str, ...] | None
    size_bytes: int
    passages: int
    created: datetime
    updated: datetime


_OUTCOMES = {
    ingest_service_pb2.WRITE_OUTCOME_STORED: Outcome.STORED,
    ingest_service_pb2.WRITE_OUTCOME_UNCHANGED: Outcome.UNCHANGED,
    ingest_service_pb2.WRITE_OUTCOME_DELETED: Outcome.DELETED,
}


def written_from(document: str, wire: ingest_service_pb2.UpsertDocumentResponse) -> Written:
    """The reply to an upsert."""
    return Written(document=document, outcome=_outcome(wire.outcome), version=wire.version, watermark=wire.watermark)


def acknowledgement_from(document: str, wire: ingest_service_pb2.Acknowledgement) -> Acknowledgement:
    """One acknowledgement of a stream."""
    failed = wire.HasField("error")
    return Acknowledgement(
        document=document,
        outcome=Outcome.FAILED if failed else _outcome(wire.outcome),
        version=wire.version,
        watermark=wire.watermark,
        error=from_status(wire.error) if failed else None,
    )


def _outcome(wire: ingest_service_pb2.WriteOutcome.ValueType) -> Outcome:
    """One that is newer than this client is a write all the same; none at all is not one."""
    if wire == ingest_service_pb2.WRITE_OUTCOME_UNSPECIFIED:
        raise InternalError("the server did not say what became of the document")
    return _OUTCOMES.get(wire, Outcome.STORED)


def document_from(wire: document_pb2.Document) -> Document:
    """One stored document."""
    return Document(
        document=wire.document,
        version=wire.version,
        title=wire.title,
        uri=wire.uri,
        mime_type=wire.mime_type,
        language=wire.language,
        metadata=from_wire(wire.metadata),
        readers=tuple(wire.readers.principals) if wire.HasField("readers") else None,
        size_bytes=wire.size_bytes,
        passages=wire.passage_count,
        created=wire.create_time.ToDatetime(UTC),
        updated=wire.update_time.ToDatetime(UTC),
    )
