"""Records of a topic as changes of documents. Whatever is wrong with one raises `InvalidEvent`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ragstone.v1 import document_pb2
from ragstone.v1.document_event_pb2 import DocumentEvent, EventUpsert
from ragstone_server.pipelines.document_events import (
    DeleteEvent,
    DocumentChange,
    ReferenceEvent,
    TombstoneEvent,
    UpsertEvent,
)
from ragstone_server.pipelines.ingest import Upload
from ragstone_server.spi.errors import FieldViolation, InvalidEvent, InvalidName, InvalidRequest
from ragstone_server.spi.names import DEFAULT_TENANT, CollectionName, DocumentName, document_id, parse_tenant
from ragstone_server.transport.convert.documents import upload_from
from ragstone_server.transport.convert.event_keys import check_key, named_by
from ragstone_server.transport.convert.event_metadata import typed_metadata
from ragstone_server.transport.convert.event_values import read_event
from ragstone_server.transport.convert.refusing import refuse
from ragstone_server.transport.convert.validation import validate

LATEST_MS = 253_370_764_800_000
"""The year 9999. A producer may send any number as the time of a record; a later one is none."""

_HINTS = {
    "upsert.reference": "send a URI as https://files.example.com/manual.pdf, with blanks and what is not ASCII percent-encoded"
}
"""Where the rule is a pattern, which tells a person little."""


def decode(
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]],
    timestamp_ms: int,
    bound_collection: CollectionName | None = None,
) -> DocumentChange:
    """What a record says. A negative time is none, as Kafka has it."""
    if value is None:
        return TombstoneEvent(name=named_by(key, bound_collection))
    event = read_event(value, headers)
    name = _name(event, bound_collection)
    if event.WhichOneof("action") is None:
        refuse("action", "the event says nothing of its document; send upsert with its fields, or delete with {}")
    if event.HasField("upsert") and event.upsert.WhichOneof("content") is None:
        refuse("upsert.content", "there is none; send text, data or reference, one of them")
    with _refusing():
        validate(event)
    check_key(key, name, bound_collection)
    version = event.version if event.HasField("version") else None
    record_time = timestamp_ms * 1000 if 0 < timestamp_ms <= LATEST_MS else None
    if event.WhichOneof("action") == "delete":
        return DeleteEvent(name=name, version=version, record_time_micros=record_time)
    with _refusing("upsert."):
        upload = _upload(name, version, event.upsert)
    if event.upsert.WhichOneof("content") == "reference":
        return ReferenceEvent(reference=event.upsert.reference, without_content=upload, record_time_micros=record_time)
    return UpsertEvent(upload=upload, record_time_micros=record_time)


def _name(event: DocumentEvent, bound: CollectionName | None) -> DocumentName:
    """In a bound topic events need not name the collection, and name no other."""
    if not event.collection and bound is None:
        refuse("collection", "the event names none, and the topic is bound to none; name the collection in the event")
    if "/" in event.collection:
        refuse("collection", "name it by itself, as in 'default'; the tenant has a field of its own")
    collection = event.collection or (bound.collection if bound else "")
    try:
        tenant = parse_tenant(f"tenants/{event.tenant or (bound.tenant if bound else DEFAULT_TENANT)}")
    except InvalidName as error:
        refuse("tenant", error.message, error)
    try:
        parent = CollectionName.parse(f"tenants/{tenant}/collections/{collection}")
    except InvalidName as error:
        refuse("collection", error.message, error)
    try:
        document = document_id(event.document)
    except InvalidName as error:
        refuse("document", error.message, error)
    if bound not in (None, parent):
        refuse("collection", f"the topic is bound to {bound}, and the event names {parent}; send it to another topic")
    return DocumentName(collection=parent, document=document)


def _upload(name: DocumentName, version: int | None, upsert: EventUpsert) -> Upload:
    """The document, empty where its content is a reference. Raises `InvalidRequest`."""
    fields = document_pb2.DocumentFields(
        title=upsert.title,
        uri=upsert.uri,
        filename=upsert.filename,
        mime_type=upsert.mime_type,
        metadata=typed_metadata(upsert.metadata),
        readers=upsert.readers if upsert.HasField("readers") else None,
    )
    validate(fields)  # of the event, the types of metadata are not checked yet
    content = upsert.text if upsert.WhichOneof("content") == "text" else upsert.data
    return upload_from(name, version, fields, content)


@contextmanager
def _refusing(prefix: str = "") -> Iterator[None]:
    """The rules of the contract, told as faults of the event."""
    try:
        yield
    except InvalidRequest as error:
        violations = tuple(
            FieldViolation(field=f"{prefix}{v.field}", description=_HINTS.get(f"{prefix}{v.field}", v.description))
            for v in error.violations
        )
        what = "; ".join(f"{v.field}: {v.description}" for v in violations)
        raise InvalidEvent(what, metadata={"field": violations[0].field}, violations=violations) from error
