"""What the server accepts, checked before anything is sent: the rules of `document_event.proto`, in plain Python.

protovalidate is not needed for it, so that the client stays light; a test compares the two.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from ragstone.errors import InvalidArgument
from ragstone.v1.document_event_pb2 import DocumentEvent, EventUpsert

MOST_VERSION = 2**63 - 1
TIMESTAMP = "timestampValue"
"""JSON has no points in time; this is how the contract's `MetadataValue` spells one."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_MOST_CHARACTERS = {"title": 1024, "uri": 2048, "filename": 1024, "mime_type": 255, "reference": 2048}
_MOST_ID_BYTES = 512
_MOST_KEYS = 256
_MOST_VALUE_BYTES = 65_536
_MOST_ELEMENTS = 1000
_MOST_PRINCIPAL = 256

Problem = tuple[str, str]
"""A field, and what is wrong with it and right instead."""


def validate(event: DocumentEvent) -> None:
    """Raise `InvalidArgument` that names each field that breaks a rule, and says what to send instead."""
    problems = dict(_event(event))
    if problems:
        raise refused(problems)


def refused(problems: Mapping[str, str]) -> InvalidArgument:
    """The error for these fields; `INVALID_EVENT` is what the server calls it too."""
    what = "; ".join(f"{field}: {problem}" for field, problem in problems.items())
    return InvalidArgument(what, reason="INVALID_EVENT", violations=problems)


def _event(event: DocumentEvent) -> Iterator[Problem]:
    for field, name in (("tenant", event.tenant), ("collection", event.collection)):
        if name and not _NAME.fullmatch(name):
            yield (
                field,
                f"{name[:80]!r} is malformed: 1 to 63 of a-z, 0-9, '-' and '_', with a letter or digit at both ends",
            )
    if not event.document or len(event.document.encode()) > _MOST_ID_BYTES or _CONTROL.search(event.document):
        yield "document", f"an id has 1 to {_MOST_ID_BYTES} bytes and no control characters"
    if event.HasField("version") and event.version <= 0:
        yield "version", f"it is {event.version}; a version is a number from 1 to {MOST_VERSION}"
    if event.WhichOneof("action") is None:
        yield "action", "the event says nothing of its document; set upsert or delete"
    if event.HasField("upsert"):
        yield from ((f"upsert.{field}", what) for field, what in _upsert(event.upsert))


def _upsert(upsert: EventUpsert) -> Iterator[Problem]:
    if upsert.WhichOneof("content") is None:
        yield "content", "there is none; give text, content or reference, one of them"
    for field, most in _MOST_CHARACTERS.items():
        if len(getattr(upsert, field)) > most:
            yield field, f"it has {len(getattr(upsert, field))} characters, and the limit is {most}"
    if upsert.HasField("reference") and not _URI.fullmatch(upsert.reference):
        yield (
            "reference",
            "send a URI as https://files.example.com/manual.pdf, with blanks and what is not ASCII percent-encoded",
        )
    if len(upsert.metadata) > _MOST_KEYS:
        yield "metadata", f"it has {len(upsert.metadata)} keys, and the limit is {_MOST_KEYS}"
    for key, value in upsert.metadata.items():
        if not 1 <= len(key) <= _MOST_KEYS:
            yield "metadata", f"a key has 1 to {_MOST_KEYS} characters"
        yield from ((f"metadata[{key[:80]!r}]", what) for what in _value(value))
    principals = upsert.readers.principals
    if len(principals) > _MOST_ELEMENTS:
        yield "readers", f"there are {len(principals)}, and the limit is {_MOST_ELEMENTS}; name groups"
    if any(not 1 <= len(principal) <= _MOST_PRINCIPAL for principal in principals):
        yield "readers", f"a principal has 1 to {_MOST_PRINCIPAL} characters, as in user:ada"


def _value(value: Value) -> Iterator[str]:
    if value.WhichOneof("kind") != "list_value":
        yield from _scalar(value)
        return
    elements: Sequence[Value] = value.list_value.values
    if len(elements) > _MOST_ELEMENTS:
        yield f"a list has at most {_MOST_ELEMENTS} values"
    if len({element.WhichOneof("kind") for element in elements}) > 1:
        yield "a list has values of one type"
    for element in elements:
        yield from _scalar(element)


def _scalar(value: Value) -> Iterator[str]:
    match value.WhichOneof("kind"):
        case "string_value" if len(value.string_value.encode()) > _MOST_VALUE_BYTES:
            yield f"a text has at most {_MOST_VALUE_BYTES} bytes; long texts are content"
        case "number_value" if not math.isfinite(value.number_value):
            yield "a number is finite; leave the key out"
        case "list_value":
            yield "a list holds no lists; send its elements in one list, or as text"
        case "struct_value" if not _is_moment(value):
            yield f'an object is no value; only {{"{TIMESTAMP}": "2025-06-30T12:00:00Z"}} is, a point in time'
        case "null_value" | None:
            yield "null is no value; leave the key out"


def _is_moment(value: Value) -> bool:
    fields = value.struct_value.fields
    if set(fields) != {TIMESTAMP}:
        return False
    try:
        Timestamp().FromJsonString(fields[TIMESTAMP].string_value)
    except ValueError:
        return False
    return True
