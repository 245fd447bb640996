"""The value of a record as the message of the contract: protobuf or ProtoJSON."""

from collections.abc import Sequence
from functools import lru_cache

from google.protobuf.message import DecodeError

from ragstone.v1.document_event_pb2 import DocumentEvent
from ragstone_server.transport.convert.event_json import event_from_json
from ragstone_server.transport.convert.refusing import refuse

CONTENT_TYPE = "content-type"
PROTOBUF = ("application/protobuf", "application/x-protobuf", "application/vnd.google.protobuf")
JSON = "application/json"


def read_event(value: bytes, headers: Sequence[tuple[str, bytes]]) -> DocumentEvent:
    """Raises `InvalidEvent`; the rules of the contract are not looked at yet."""
    if not value:
        refuse("value", "it is empty; send an event, or delete the document by a null value (kcat: -Z)")
    return event_from_json(value) if _is_json(value, headers) else _from_protobuf(value)


def _is_json(value: bytes, headers: Sequence[tuple[str, bytes]]) -> bool:
    """By the last header of that name; where there is none, by the first byte."""
    types = [content for name, content in headers if name.lower() == CONTENT_TYPE]
    if not types:
        return value.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    return _says_json(types[-1] or b"")


@lru_cache(maxsize=64)
def _says_json(content_type: bytes) -> bool:
    said = content_type.decode(errors="backslashreplace")
    kind, *parameters = (part.strip().lower() for part in said.split(";"))
    charsets = [p.partition("=")[2].strip('" ') for p in parameters if p.startswith("charset")]
    if kind not in (JSON, *PROTOBUF) or any(charset not in ("utf-8", "utf8") for charset in charsets):
        refuse(CONTENT_TYPE, f"{said[:80]!r} is not read here; send {JSON} (in UTF-8) or {PROTOBUF[0]}")
    return kind == JSON


def _from_protobuf(value: bytes) -> DocumentEvent:
    if value[0] == 0:  # no message begins so, and the frames of a schema registry do
        refuse(
            "value", "it begins with the frame of a schema registry; send the bare message, by a serializer of bytes"
        )
    try:
        return DocumentEvent.FromString(value)
    except DecodeError as error:
        refuse("value", f"it is no protobuf of ragstone.v1.DocumentEvent; JSON needs {CONTENT_TYPE}: {JSON}", error)
