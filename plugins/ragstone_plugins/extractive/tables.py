"""Rows of Markdown tables, put so that they can be read on their own."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragstone_plugins.extractive.words import stems

_DELIMITER = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")


def is_row(line: str) -> bool:
    """Whether a line is a row of a table: it begins and ends with a bar."""
    text = line.strip()
    return len(text) > 2 and text.startswith("|") and text.endswith("|")


def is_delimiter(line: str) -> bool:
    """Whether a line is the row of dashes below a header."""
    return "|" in line and bool(_DELIMITER.match(line))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row with the header of its table."""

    header: tuple[str, ...]
    """Empty where the table has none."""
    cells: tuple[str, ...]

    def render(self, words: frozenset[str] = frozenset()) -> str:
        """The row as text: its first cell, then each other cell with its header.

        With `words` (stems of the question), only the columns that they ask for, if they tell: those whose header they fit best,
        and those whose cell they name.
        """
        if not self.header:
            return ", ".join(cell for cell in self.cells if cell)
        shown = self._asked_for(words) or set(range(1, len(self.cells)))
        parts = [
            f"{head}: {cell}" if head else cell
            for column, (head, cell) in enumerate(zip(self.header, self.cells, strict=True))
            if column in shown and cell
        ]
        return ", ".join(part for part in (self._key(), "; ".join(parts)) if part)

    def _key(self) -> str:
        """The first cell, with its header where the cell alone says little: a number, a single letter, `up to 8 m`."""
        head, cell = self.header[0], self.cells[0]
        speaks = not cell or (len(cell) > 2 and cell[0].isupper())
        return cell if speaks or not head else f"{head} {cell}"

    def _asked_for(self, words: frozenset[str]) -> set[int]:
        fits = [len(words & set(stems(head))) for head in self.header]
        best = max(fits[1:], default=0)
        if best == 0:
            return set()
        named = {column for column, cell in enumerate(self.cells) if column and words & set(stems(cell))}
        return named | {column for column, fit in enumerate(fits) if column and fit == best}


def read_rows(table: Sequence[Sequence[str]], *, header: bool) -> Iterator[Row]:
    """Rows of a table of plain cells; the first is the header where there is one. Short rows are filled up."""
    if not table:
        return
    width = len(table[0])
    names = tuple(table[0]) if header else ()
    for cells in table[1:] if header else table:
        padded = (*cells, *[""] * (width - len(cells)))
        if any(padded):
            yield Row(header=names, cells=padded[:width] if header else tuple(cells))
