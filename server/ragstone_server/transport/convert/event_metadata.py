"""Metadata of events: plain JSON values, with the types of the contract."""

from collections.abc import Mapping

from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from ragstone.v1 import document_pb2
from ragstone_server.spi.errors import InvalidRequest

TIMESTAMP = "timestampValue"
"""JSON has no points in time; this is how `MetadataValue` spells one."""


def typed_metadata(values: Mapping[str, Value]) -> dict[str, document_pb2.MetadataValue]:
    """As `DocumentFields` has it. Raises `InvalidRequest` for what is none of the types."""
    return {key: _typed(f"metadata[{key!r}]", value) for key, value in values.items()}


def _typed(where: str, value: Value) -> document_pb2.MetadataValue:
    if value.WhichOneof("kind") == "list_value":
        elements = [_scalar(where, element) for element in value.list_value.values]
        return document_pb2.MetadataValue(list_value=document_pb2.MetadataList(values=elements))
    return _scalar(where, value)


def _scalar(where: str, value: Value) -> document_pb2.MetadataValue:
    match value.WhichOneof("kind"):
        case "string_value":
            return document_pb2.MetadataValue(string_value=value.string_value)
        case "number_value":
            return document_pb2.MetadataValue(number_value=value.number_value)
        case "bool_value":
            return document_pb2.MetadataValue(bool_value=value.bool_value)
        case "struct_value":
            return document_pb2.MetadataValue(timestamp_value=_timestamp(where, value.struct_value.fields))
        case "list_value":
            raise InvalidRequest.of_field(where, "a list holds no lists; send its elements in one list, or as text")
        case _:
            raise InvalidRequest.of_field(where, "null is no value; leave the key out")


def _timestamp(where: str, fields: Mapping[str, Value]) -> Timestamp:
    """Raises `InvalidRequest` for any other object, and for what is no time."""
    text = fields[TIMESTAMP].string_value if set(fields) == {TIMESTAMP} else None
    if text is None:
        raise InvalidRequest.of_field(
            where, f'an object is no value; only {{"{TIMESTAMP}": "2025-06-30T12:00:00Z"}} is, a point in time'
        )
    moment = Timestamp()
    try:
        moment.FromJsonString(text)
    except ValueError as error:
        raise InvalidRequest.of_field(
            where, f"{text[:80]!r} is no point in time; send it as 2025-06-30T12:00:00Z, of the years 1 to 9999"
        ) from error
    return moment
