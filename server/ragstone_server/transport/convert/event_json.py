"""ProtoJSON as the message of the contract.

The library's `ParseDict` takes a third of all that an unchanged document costs, so what is plain is put into the message here:
texts, whole numbers and metadata of texts, numbers, true and false. It gets the rest, and decides over all that is odd.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError

from ragstone.v1.document_event_pb2 import DocumentEvent, EventUpsert
from ragstone_server.transport.convert.refusing import refuse

MOST_CHARACTERS = 300
"""Of what a parser says."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_METADATA = EventUpsert.DESCRIPTOR.fields_by_name["metadata"].full_name
_EXACT = 2**53
"""Numbers up to it are the same in JSON and in a message."""


def event_from_json(value: bytes) -> DocumentEvent:
    """Raises `InvalidEvent`."""
    try:
        said = _DECODER.decode(value.removeprefix(_BYTE_ORDER_MARK).decode())
    except UnicodeDecodeError as error:
        refuse("value", f"byte {error.start} is not UTF-8; send JSON in UTF-8", error)
    except RecursionError as error:
        refuse("value", "it is nested too deeply", error)
    except ValueError as error:
        refuse("value", f"it is no JSON: {error}", error)
    _check_names(said, DocumentEvent.DESCRIPTOR, "")
    _check_data(said.get("upsert") or {})
    event = DocumentEvent()
    try:
        rest = _put(said, event)
        return ParseDict(rest, event) if rest else event
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


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Of a message, by the names of its fields in either spelling."""

    fields: Mapping[str, FieldDescriptor]
    slots: Mapping[str, str]
    """What a field is given for: of a choice, and of two spellings, only one may be there."""


@cache
def _shape(message: Descriptor) -> _Shape:
    fields = {name: field for field in message.fields for name in (field.json_name, field.name)}
    slots = {name: (field.containing_oneof or field).full_name for name, field in fields.items()}
    return _Shape(fields, slots)


def _check_names(value: Any, message: Descriptor, path: str) -> None:
    """Refuse fields that there are not: one that is spelled wrong would be lost without a word."""
    if not isinstance(value, dict):
        refuse(path or "value", f"it is a {type(value).__name__}; send an object, {{...}}")
    shape = _shape(message)
    given: dict[str, str] = {}
    for name, inner in value.items():
        if inner is not None and name in shape.slots:
            other = given.setdefault(shape.slots[name], name)
            if other != name:
                refuse(path or "value", f"it has {other} and {name}; send one of them")
    for name, inner in value.items():
        where = f"{path}.{name}".lstrip(".")
        if name not in shape.fields:
            known = ", ".join(field.json_name for field in message.fields)
            refuse(where[:128], f"there is no such field; the fields here are {known}")
        nested = shape.fields[name].message_type
        if nested is not None and not shape.fields[name].is_repeated and inner is not None:
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


def _put(said: Mapping[str, Any], message: Any) -> dict[str, Any]:
    """Put what is plain into the message; return the rest."""
    fields = _shape(message.DESCRIPTOR).fields
    rest = {}
    for name, inner in said.items():
        field = fields[name]
        if inner is None:
            continue
        if field.is_repeated:
            if not _put_metadata(inner, field, message):
                rest[name] = inner
        elif field.message_type is not None:
            nested = getattr(message, field.name)
            nested.SetInParent()
            if left := _put(inner, nested):
                rest[name] = left
        else:
            try:
                setattr(message, field.name, _plain(inner, field))
            except ValueError:  # of halves of characters and of too large numbers too
                rest[name] = inner
    return rest


def _plain(inner: object, field: FieldDescriptor) -> str | int:
    """The value of a field. Raises `ValueError` where it is not plainly that."""
    if field.type == FieldDescriptor.TYPE_STRING and isinstance(inner, str):
        return inner
    if field.type == FieldDescriptor.TYPE_INT64:
        if type(inner) is int:
            return inner
        if isinstance(inner, str) and inner.isascii() and inner.isdigit():
            return int(inner)
    raise ValueError


def _put_metadata(values: object, field: FieldDescriptor, message: Any) -> bool:
    """Whether it was put, as a whole."""
    if field.full_name != _METADATA or not isinstance(values, dict):
        return False
    metadata = getattr(message, field.name)
    try:
        for key, value in values.items():
            if isinstance(value, str):
                metadata[key].string_value = value
            elif isinstance(value, bool):
                metadata[key].bool_value = value
            elif isinstance(value, int | float) and -_EXACT <= value <= _EXACT:
                metadata[key].number_value = value
            else:
                raise ValueError
    except ValueError:
        message.ClearField(field.name)
        return False
    return True
