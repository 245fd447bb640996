"""Tables as lines of `| cell | cell |`."""

import re
from collections.abc import Sequence
from itertools import zip_longest

_CURRENCY = re.compile(r"[$€£¥₩]|[A-Z]{2,3}\$")
_NUMBER = re.compile(r"[(\-–—]?[.\d]|[—–-]$")
_CLOSING = re.compile(r"[)%]+|\)\s?%")


def tidy(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The same table without what is only layout: a sign in a cell of its own joins its number; empty rows and columns go."""
    joined = [_join_signs(row) for row in rows]
    kept = [row for row in joined if any(row)]
    columns = [column for column in zip_longest(*kept, fillvalue="") if any(column)]
    return [list(row) for row in zip(*columns, strict=True)]


def render(rows: Sequence[Sequence[str]]) -> str:
    """Lines of the table, with the row of dashes under the header; empty where no cell holds text."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in tidy(rows)]
    if len(lines) > 1:
        lines.insert(1, "|" + " --- |" * lines[0].replace("\\|", "").count("|", 1))
    return "\n".join(lines)


def _join_signs(row: Sequence[str]) -> list[str]:
    """`$ | (5 | )` in three cells becomes `$(5)` in the cell of the number."""
    cells = [cell.strip() for cell in row]
    for at in range(len(cells) - 1):
        if _CURRENCY.fullmatch(cells[at]) and _NUMBER.match(cells[at + 1]):
            cells[at], cells[at + 1] = "", cells[at] + cells[at + 1]
    for at in range(1, len(cells)):
        if _CLOSING.fullmatch(cells[at]) and cells[at - 1][-1:].isdecimal():
            cells[at - 1], cells[at] = cells[at - 1] + cells[at], ""
    return cells
