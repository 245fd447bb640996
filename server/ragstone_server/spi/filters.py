"""The typed tree of a filter, and what it means: `matches` is the definition that every view is tested against.

- A comparison of a missing field, or between values of two types, does not hold; `a != b` is `NOT a = b`.
- A comparison of a list holds if it holds for one of its elements.
- `field:value` (has) holds for an equal value and for a list that contains it; `field:*` for a field that is there.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from ragstone_server.spi.metadata import Metadata, MetadataScalar


class Operator(StrEnum):
    """How a field is compared with a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`field operator value`."""

    field: str
    operator: Operator
    value: MetadataScalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """`field:value`, or `field:*` where the value is None."""

    field: str
    value: MetadataScalar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class And:
    """Every term holds; true where there is none."""

    terms: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Or:
    """One term holds at least; false where there is none."""

    terms: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The term does not hold."""

    term: "Filter"


Filter: TypeAlias = Comparison | Has | And | Or | Not

_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


def matches(node: Filter, metadata: Metadata) -> bool:
    """Whether a document with this metadata passes the filter."""
    match node:
        case And(terms=terms):
            return all(matches(term, metadata) for term in terms)
        case Or(terms=terms):
            return any(matches(term, metadata) for term in terms)
        case Not(term=term):
            return not matches(term, metadata)
        case Has(field=field, value=None):
            return field in metadata
        case Has(field=field, value=value):
            return _compare(metadata, field, Operator.EQUAL, value)
        case Comparison(field=field, operator=Operator.NOT_EQUAL, value=value):
            return not _compare(metadata, field, Operator.EQUAL, value)
        case Comparison(field=field, operator=op, value=value):
            return _compare(metadata, field, op, value)


def _compare(metadata: Metadata, field: str, op: Operator, value: MetadataScalar | None) -> bool:
    stored = metadata.get(field)
    elements = stored if isinstance(stored, tuple) else (stored,)
    return any(_type(element) == _type(value) and _COMPARE[op](element, value) for element in elements)


def _type(value: MetadataScalar | None) -> type:
    """Numbers are one type, whether Python holds them as int or float; a bool is none of them."""
    if isinstance(value, bool | str | datetime):
        return bool if isinstance(value, bool) else str if isinstance(value, str) else datetime
    return type(None) if value is None else float
