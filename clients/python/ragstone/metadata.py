"""Typed metadata: plain Python values, as the contract carries them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from ragstone.v1 import document_pb2

Scalar: TypeAlias = str | int | float | bool | datetime
Value: TypeAlias = Scalar | Sequence[Scalar]
Metadata: TypeAlias = Mapping[str, Value]


def to_wire(metadata: Metadata | None) -> dict[str, document_pb2.MetadataValue]:
    """Raises `TypeError` for a value that is none of string, number, bool, datetime, or a list of them."""
    return {key: _value(key, value) for key, value in (metadata or {}).items()}


def from_wire(wire: Mapping[str, document_pb2.MetadataValue]) -> dict[str, Value]:
    """Inverse of `to_wire`; numbers come back as float, lists as lists, times in UTC."""
    return {key: _python(value) for key, value in wire.items()}


def _value(key: str, value: Value) -> document_pb2.MetadataValue:
    match value:
        case bool():
            return document_pb2.MetadataValue(bool_value=value)
        case str():
            return document_pb2.MetadataValue(string_value=value)
        case int() | float():
            return document_pb2.MetadataValue(number_value=value)
        case datetime():
            moment = Timestamp()
            moment.FromDatetime(value if value.tzinfo else value.astimezone())
            return document_pb2.MetadataValue(timestamp_value=moment)
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            elements = [_value(key, element) for element in value]
            return document_pb2.MetadataValue(list_value=document_pb2.MetadataList(values=elements))
        case _:
            raise TypeError(
                f"metadata[{key!r}] is a {type(value).__name__}; strings, numbers, bools, datetimes and lists of them fit"
            )


def _python(wire: document_pb2.MetadataValue) -> Value:
    match wire.WhichOneof("kind"):
        case "list_value":
            return [_scalar(element) for element in wire.list_value.values]
        case _:
            return _scalar(wire)


def _scalar(wire: document_pb2.MetadataValue) -> Scalar:
    match wire.WhichOneof("kind"):
        case "number_value":
            return wire.number_value
        case "bool_value":
            return wire.bool_value
        case "timestamp_value":
            return wire.timestamp_value.ToDatetime(UTC)
        case _:
            return wire.string_value
