"""Typed metadata of documents: string, number, bool, timestamp, and lists of one of them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

MetadataScalar: TypeAlias = str | float | bool | datetime
MetadataValue: TypeAlias = MetadataScalar | tuple[MetadataScalar, ...]
Metadata: TypeAlias = Mapping[str, MetadataValue]

_Tagged: TypeAlias = list["str | float | bool | list[_Tagged]"]


def encode_metadata(metadata: Metadata) -> str:
    """Canonical JSON: keys sorted, each value tagged with its type, so that equal metadata encodes equally."""
    return json.dumps(
        {key: _encode(metadata[key]) for key in sorted(metadata)}, ensure_ascii=False, separators=(",", ":")
    )


def decode_metadata(text: str) -> dict[str, MetadataValue]:
    """Inverse of `encode_metadata`."""
    return {key: _decode(tagged) for key, tagged in json.loads(text).items()}


def _encode(value: MetadataValue) -> _Tagged:
    match value:
        case bool():
            return ["b", value]
        case str():
            return ["s", value]
        case datetime():
            return ["t", value.astimezone(UTC).isoformat()]
        case tuple():
            return ["l", [_encode(element) for element in value]]
        case _:
            return ["n", float(value)]


def _decode(tagged: _Tagged) -> MetadataValue:
    tag, value = tagged
    match tag:
        case "t":
            return datetime.fromisoformat(str(value))
        case "l":
            assert isinstance(value, list)
            return tuple(_scalar(element) for element in value)
        case _:
            assert isinstance(value, str | float | bool | int)
            return value


def _scalar(tagged: _Tagged) -> MetadataScalar:
    value = _decode(tagged)
    assert not isinstance(value, tuple)
    return value
