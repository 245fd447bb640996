"""Events as records of a topic: key, value and headers, as every Kafka client takes them."""

from enum import StrEnum
from typing import NamedTuple

from google.protobuf.json_format import MessageToJson

from ragstone.errors import InvalidArgument
from ragstone.events.building import delete
from ragstone.events.rules import validate
from ragstone.v1.document_event_pb2 import DocumentEvent

MAX_RECORD_BYTES = 1_048_576
"""What producers and brokers take unless they are told otherwise (`max.request.size`, `message.max.bytes`)."""
_OVERHEAD = 128
"""Bytes that Kafka adds to a record that travels alone: at most 61 of the batch and 46 of the record and its header."""
_DEFAULT_TENANT = "default"


class Format(StrEnum):
    """How an event is written."""

    PROTOBUF = "protobuf"
    JSON = "json"


_CONTENT_TYPES = {Format.PROTOBUF: b"application/protobuf", Format.JSON: b"application/json"}


class Record(NamedTuple):
    """A record, named as the clients name its parts: `producer.send(topic, **record._asdict())`."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


def key_of(event: DocumentEvent) -> bytes:
    """`collection/document`, so that all events of a document lie in one partition, in order.

    Outside the default tenant `tenant:collection/document`: no name of a tenant or collection has a slash or colon, so that
    the key stays unambiguous. Without a collection, for a topic that is bound to one, the document's id.

    >>> key_of(delete("hr", "travel/trains")), key_of(delete("hr", "a", tenant="acme")), key_of(delete("", "a"))
    (b'hr/travel/trains', b'acme:hr/a', b'a')
    """
    if not event.collection:
        return event.document.encode()
    tenant = "" if event.tenant in ("", _DEFAULT_TENANT) else f"{event.tenant}:"
    return f"{tenant}{event.collection}/{event.document}".encode()


def encode(
    event: DocumentEvent,
    format: Format | str = Format.PROTOBUF,  # noqa: A002 - the field's own term
    *,
    max_bytes: int = MAX_RECORD_BYTES,
) -> Record:
    """The record of an event. Raises `InvalidArgument` where the server would refuse it, or where it passes `max_bytes`."""
    try:
        chosen = Format(format)
    except ValueError:
        raise ValueError(f"the format of an event is protobuf or json, not {format!r}") from None
    validate(event)
    if chosen is Format.JSON:
        value = MessageToJson(event, indent=None, ensure_ascii=False).encode()
    else:
        value = event.SerializeToString(deterministic=True)
    record = Record(key_of(event), value, [("content-type", _CONTENT_TYPES[chosen])])
    _check_size(event, len(value) + len(record.key) + sum(len(k) + len(v) for k, v in record.headers), max_bytes)
    return record


def tombstone(collection: str, document: str, *, tenant: str = "") -> Record:
    """The record without a value that deletes a document of a compacted topic, and all that the topic holds of it.

    >>> tombstone("hr", "doc-1")
    Record(key=b'hr/doc-1', value=None, headers=[])
    """
    return Record(key_of(delete(collection, document, tenant=tenant)), None, [])


def _check_size(event: DocumentEvent, size: int, max_bytes: int) -> None:
    if size + _OVERHEAD > max_bytes:
        raise InvalidArgument(
            f"the event of document {event.document!r} takes {size + _OVERHEAD} bytes as a record, and the limit is "
            f"{max_bytes}; put the content where the server can read it and send its URI as `reference`, or, where "
            "topic and producer take more, say so by `max_bytes`",
            reason="DOCUMENT_TOO_LARGE",
            metadata={"limit_bytes": str(max_bytes)},
        )
