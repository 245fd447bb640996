"""Statements with many values, made aside and sent a portion at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

Parameters = Sequence[Any] | Mapping[str, Any]
Statement = tuple[str, Parameters]

MOST_BYTES = 16 * 1024 * 1024
"""What is in memory of a transaction's statements at once, whatever it writes; a single one may have more."""


async def portions(statements: Iterable[Statement]) -> AsyncIterator[Sequence[Statement]]:
    """Some at a time, at least one. They are made in a thread: texts are compressed."""
    parts = _portions(statements)
    while part := await asyncio.to_thread(next, parts, None):
        yield part


def _portions(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    part: list[Statement] = []
    total = 0
    for statement in statements:
        total += (size := _size(statement))
        if part and total > MOST_BYTES:
            yield part
            part, total = [], size
        part.append(statement)
    if part:
        yield part


def _size(statement: Statement) -> int:
    """Bytes and characters of its values, columns of many rows included."""
    _, parameters = statement
    values = parameters.values() if isinstance(parameters, Mapping) else parameters
    return sum(
        len(value)
        for column in values
        for value in (column if isinstance(column, list) else (column,))
        if isinstance(value, bytes | str)
    )
