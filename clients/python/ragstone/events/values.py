"""Texts and metadata as events carry them: JSON values, and points in time as `{"timestampValue": ...}`."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from ragstone.events.rules import TIMESTAMP, refused
from ragstone.metadata import Metadata, Scalar
from ragstone.metadata import Value as Plain


def plain_text(field: str, text: str | None) -> str:
    """Raises `InvalidArgument` for a text that UTF-8 cannot carry, `TypeError` for what is none."""
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TypeError(f"{field} is a {type(text).__name__}, not a text")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        what = f"character {error.start} is half of a surrogate pair; send text that can be written as UTF-8"
        raise refused({field: what}) from error
    return text


def to_values(metadata: Metadata | None) -> dict[str, Value]:
    """Raises `TypeError` for a value of no type of the contract, `InvalidArgument` for one that does not fit."""
    return {
        plain_text("upsert.metadata", key): _value(f"upsert.metadata[{key!r}]", value)
        for key, value in (metadata or {}).items()
    }


def _value(where: str, value: Plain) -> Value:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        return Value(list_value=ListValue(values=[_scalar(where, element) for element in value]))
    return _scalar(where, value)


def _scalar(where: str, value: Scalar | Sequence[Scalar]) -> Value:
    match value:
        case bool():
            return Value(bool_value=value)
        case str():
            return Value(string_value=plain_text(where, value))
        case int() | float():
            try:
                return Value(number_value=value)
            except (OverflowError, ValueError) as error:
                raise refused({where: "the number is too large; send it as text"}) from error
        case datetime():
            return Value(struct_value=Struct(fields={TIMESTAMP: Value(string_value=_moment(where, value))}))
        case _:
            raise TypeError(
                f"{where} is a {type(value).__name__}; strings, numbers, bools, datetimes and lists of one of them fit"
            )


def _moment(where: str, value: datetime) -> str:
    moment = Timestamp()
    try:
        moment.FromDatetime(value if value.tzinfo else value.astimezone())
        return moment.ToJsonString()
    except (OverflowError, ValueError) as error:
        raise refused({where: "the time is not of the years 1 to 9999 in UTC"}) from error
