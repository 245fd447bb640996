"""The value of a record as the message of the contract: protobuf or ProtoJSON."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError

from ragstone.v1.document_event_pb2 import DocumentEvent
from ragstone_server.spi.errors import InvalidEvent

CONTENT_TYPE = "content-type"
PROTOBUF = ("application/protobuf", "application/x-protobuf", "application/vnd.google.protobuf")
JSON = "application/json"
MOST_CHARACTERS = 300
"""Of what a parser says."""


def read_event(value: bytes, headers: Sequence[tuple[str, bytes]]) -> DocumentEvent:
    """Raises `InvalidEvent`; the rules of the contract are not looked at yet."""
    if not value:
        refuse("value", "it is empty; send an event, or delete the document by a null value (kcat: -Z)")
    return _from_json(value) if _is_json(value, headers) else _from_protobuf(value)


def refuse(field: str, what: str, cause: Exception | None = None) -> NoReturn:
    """Raise `InvalidEvent` for a field, or for a part of the record."""
    raise InvalidEvent(f"{field}: {what}", metadata={"field": field}) from cause


def _is_json(value: bytes, headers: Sequence[tuple[str, bytes]]) -> bool:
    """By the last header of that name; where there is none, by the first byte."""
    types = [content for name, content in headers if name.lower() == CONTENT_TYPE]
    if not types:
        return value.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    said = (types[-1] or b"").decode(errors="backslashreplace")
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


def _from_json(value: bytes) -> DocumentEvent:
    try:
        event = json.loads(value.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        refuse("value", f"byte {error.start} is not UTF-8; send JSON in UTF-8", error)
    except RecursionError as error:
        refuse("value", "it is nested too deeply", error)
    except ValueError as error:
        refuse("value", f"it is no JSON: {error}", error)
    _check_names(event, DocumentEvent.DESCRIPTOR, "")
    _check_data(event.get("upsert") or {})
    try:
        return ParseDict(event, DocumentEvent())
    except (ParseError, RecursionError) as error:
        refuse(
            "value", f"it is no DocumentEvent: {str(error)[:MOST_CHARACTERS]}", error
        )  # it may quote the whole value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. One that says a thing twice means one of them, and nobody knows which."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)[:80]!r} is there twice; send it once")
    return found


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON; leave the key out")


def _check_names(value: Any, message: Descriptor, path: str) -> None:
    """Refuse fields that there are not: one that is spelled wrong would be lost without a word."""
    if not isinstance(value, dict):
        refuse(path or "value", f"it is a {type(value).__name__}; send an object, {{...}}")
    fields = {name: field for field in message.fields for name in (field.json_name, field.name)}
    for oneof in message.oneofs:
        given = [n for n, inner in value.items() if inner is not None and fields.get(n) in oneof.fields]
        if len(given) > 1:
            refuse(path or "value", f"it has {' and '.join(given)}; send one of them")
    for name, inner in value.items():
        where = f"{path}.{name}".lstrip(".")
        if name not in fields:
            known = ", ".join(field.json_name for field in message.fields)
            refuse(where[:128], f"there is no such field; the fields here are {known}")
        nested = fields[name].message_type
        if nested is not None and not fields[name].is_repeated and inner is not None:
            _check_names(inner, nested, where)


def _check_data(upsert: dict[str, Any]) -> None:
    """protobuf skips what is no base64, and the document would be stored damaged."""
    data = upsert.get("data")
    if not isinstance(data, str):
        return
    plain = data.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        refuse(
            "upsert.data", "it is no base64 in one line; encode the bytes of the file so, or send text as `text`", error
        )
