"""Many values in one statement: numbers and texts go as one JSON text, blobs as question marks, some at a time."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

ValueT = TypeVar("ValueT")

_AT_ONCE = 500


def groups(values: Sequence[ValueT]) -> Iterator[Sequence[ValueT]]:
    """The values in order, so many at a time as a statement takes with ease."""
    for begin in range(0, len(values), _AT_ONCE):
        yield values[begin : begin + _AT_ONCE]


def marks(values: Sequence[object]) -> str:
    """A question mark for each value."""
    return ",".join("?" * len(values))
