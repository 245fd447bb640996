"""JSON as text that can be read: an indented outline, and a table where all entries are alike."""

import json
from typing import Any

from ragstone_plugins.documents.outcome import Failure, Refused, broken
from ragstone_plugins.documents.text import TextBuilder, one_line

_TABLE_COLUMNS = 20
_TITLE_KEYS = ("title", "name", "subject")


def read_json(text: str, out: TextBuilder) -> str | None:
    """Write a JSON document, or one a line, and return the title that its top level states.

    Raises:
        Refused: BROKEN where it is neither.
    """
    value = _load(text)
    _write(value, out)
    stated = [value.get(key) for key in _TITLE_KEYS] if isinstance(value, dict) else []
    return next((title for title in stated if isinstance(title, str) and title.strip()), None)


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise Refused(Failure.BROKEN, "nested too deeply") from error
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines] if len(lines) > 1 else _fail(error)
        except (ValueError, RecursionError):
            _fail(error)


def _fail(error: Exception) -> Any:
    raise broken(error) from error


def _write(value: Any, out: TextBuilder) -> None:
    if isinstance(value, list) and _alike(value):
        out.table([list(value[0]), *([_scalar(cell) for cell in entry.values()] for entry in value)])
        return
    if isinstance(value, list):
        for entry in value:
            out.paragraph("\n".join(_lines(entry, "")))
        return
    out.paragraph("\n".join(_lines(value, "")))


def _alike(values: list[Any]) -> bool:
    """Whether all entries are flat objects with the same keys, few enough for columns."""
    first = values[0] if values else None
    if not isinstance(first, dict) or not 1 < len(first) <= _TABLE_COLUMNS:
        return False
    return all(
        isinstance(entry, dict)
        and entry.keys() == first.keys()
        and list(entry) == list(first)
        and not any(isinstance(cell, dict | list) for cell in entry.values())
        for entry in values
    )


def _lines(value: Any, indent: str) -> list[str]:
    """`key: value` for objects and `- value` for lists, two spaces a level."""
    if isinstance(value, dict):
        return [line for key, entry in value.items() for line in _entry(f"{indent}{one_line(key)}:", entry, indent)]
    if isinstance(value, list):
        return [line for entry in value for line in _entry(f"{indent}-", entry, indent)]
    return [indent + _scalar(value)]


def _entry(mark: str, value: Any, indent: str) -> list[str]:
    if not isinstance(value, dict | list):
        return [f"{mark} {_scalar(value)}".rstrip()]
    return [mark, *_lines(value, f"{indent}  ")] if value else []


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return one_line(value)
    return "" if value is None else json.dumps(value)
