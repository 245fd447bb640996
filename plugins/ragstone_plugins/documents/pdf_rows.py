"""Rows of a PDF table: what stands at one height, and what goes on in the line below."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ragstone_plugins.documents.pdf_columns import Span

_FIGURE = re.compile(r"[$€£¥(\-–—+±~<>]*\s?\d[\d.,\s]*[%)x]*|[—–-]")
_LARGER_GAP = 1.3
_SHARE_OF_LARGER = 0.2


@dataclass(slots=True, kw_only=True)
class Band:
    """Cells at one height, from left to right."""

    center: float
    """Height of their middle, in points."""
    cells: list[Span] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)
    """Numbers of the lines that they come from."""

    @property
    def is_row(self) -> bool:
        """Whether it has more than one cell."""
        return len(self.cells) > 1


def join_wrapped(bands: Sequence[Band], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows, with those that continue the one above joined to it."""
    close = _close(bands)
    joined: list[list[str]] = []
    for at, row in enumerate(rows):
        if joined and (_continues_label(joined[-1], row) or (at in close and _continues_text(rows[at - 1], row))):
            joined[-1] = [f"{above} {below}".strip() for above, below in zip(joined[-1], row, strict=True)]
        else:
            joined.append(list(row))
    return joined


def _close(bands: Sequence[Band]) -> set[int]:
    """Numbers of the bands that follow at the distance of lines, where rows are clearly further apart than lines."""
    gaps = [above.center - below.center for above, below in pairwise(bands)]
    if not gaps:
        return set()
    limit = min(gaps) * _LARGER_GAP
    if sum(gap > limit for gap in gaps) < _SHARE_OF_LARGER * len(gaps):
        return set()
    return {at for at, gap in enumerate(gaps, start=1) if gap <= limit}


def _continues_label(above: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a label without figures goes on: in lower case, or within a bracket that is open."""
    label = above[0]
    if not label or any(above[1:]):
        return False
    return row[0][:1].islower() or (bool(row[0]) and label.count("(") > label.count(")") and label[-1] != ":")


def _continues_text(above: Sequence[str], row: Sequence[str]) -> bool:
    """Whether two rows of words, not of figures, are lines of one: the lower one fills no column that the upper leaves empty."""
    fits = all(up or not low for up, low in zip(above, row, strict=True)) and sum(map(bool, above)) > 1
    return fits and not any(_FIGURE.fullmatch(cell) for cell in (*above[1:], *row[1:]))
