"""Typed metadata and readers, both ways."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from ragstone.v1 import document_pb2
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.metadata import Metadata, MetadataScalar, MetadataValue

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def metadata_from(wire: Mapping[str, document_pb2.MetadataValue]) -> dict[str, MetadataValue]:
    """Raises `InvalidRequest` for lists in lists and lists of several types."""
    return {key: _value_from(f"metadata[{key!r}]", value) for key, value in wire.items()}


def metadata_to(metadata: Metadata) -> dict[str, document_pb2.MetadataValue]:
    """Inverse of `metadata_from`."""
    return {key: _value_to(value) for key, value in metadata.items()}


def readers_from(wire: document_pb2.DocumentFields) -> frozenset[str] | None:
    """None: the collection's default."""
    return frozenset(wire.readers.principals) if wire.HasField("readers") else None


def readers_to(readers: frozenset[str] | None) -> document_pb2.Readers | None:
    """Inverse of `readers_from`."""
    return None if readers is None else document_pb2.Readers(principals=sorted(readers))


def timestamp(moment: datetime) -> Timestamp:
    """A point in time, to the microsecond."""
    wire = Timestamp()
    wire.FromMicroseconds((moment - _BEGIN) // timedelta(microseconds=1))
    return wire


def _value_from(where: str, wire: document_pb2.MetadataValue) -> MetadataValue:
    if wire.WhichOneof("kind") == "list_value":
        values = tuple(_scalar_from(where, element) for element in wire.list_value.values)
        if len({type(value) for value in values}) > 1:
            raise InvalidRequest.of_field(where, "a list has values of one type")
        return values
    return _scalar_from(where, wire)


def _scalar_from(where: str, wire: document_pb2.MetadataValue) -> MetadataScalar:
    match wire.WhichOneof("kind"):
        case "string_value":
            return wire.string_value
        case "number_value":
            return wire.number_value
        case "bool_value":
            return wire.bool_value
        case "timestamp_value":
            try:
                return _BEGIN + timedelta(microseconds=wire.timestamp_value.ToMicroseconds())
            except ValueError as error:
                raise InvalidRequest.of_field(
                    where, "a timestamp lies in the years 1 to 9999, its nanos in 0 to 999,999,999"
                ) from error
        case _:
            raise InvalidRequest.of_field(
                where, "a value is a string, a number, a bool or a timestamp; a list holds no lists"
            )


def _value_to(value: MetadataValue) -> document_pb2.MetadataValue:
    match value:
        case bool():
            return document_pb2.MetadataValue(bool_value=value)
        case str():
            return document_pb2.MetadataValue(string_value=value)
        case datetime():
            return document_pb2.MetadataValue(timestamp_value=timestamp(value))
        case tuple():
            elements = [_value_to(element) for element in value]
            return document_pb2.MetadataValue(list_value=document_pb2.MetadataList(values=elements))
        case _:
            return document_pb2.MetadataValue(number_value=value)
