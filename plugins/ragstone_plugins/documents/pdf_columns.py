"""Where the columns of a table part: the strips that hardly any cell crosses."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_CROSSED = 0.12
_USUAL = 0.75
_FULL_ROW = 0.6
_NARROWEST = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A cell: its text and its reach from left to right, in points."""

    text: str
    x0: float
    x1: float


def boundaries(rows: Sequence[Sequence[Span]]) -> list[float]:
    """The middles of the strips between columns, from left to right.

    Rows with few cells have no say, since headings reach over columns; of the others one in eight may cross a strip.
    """
    counts = sorted(len(row) for row in rows)
    usual = counts[int(_USUAL * (len(counts) - 1))]
    rows = [row for row in rows if len(row) >= _FULL_ROW * usual]
    allowed = int(_CROSSED * len(rows))
    edges = sorted([(cell.x0, 1) for row in rows for cell in row] + [(cell.x1, -1) for row in rows for cell in row])
    strips: list[tuple[float, float]] = []
    depth, opened = 0, None
    for x, step in edges:
        depth += step
        if depth <= allowed and opened is None:
            opened = x
        elif depth > allowed and opened is not None:
            if x - opened > _NARROWEST:
                strips.append((opened, x))
            opened = None
    inner = [(left, right) for left, right in strips if _divides(rows, left, right)]
    return [(left + right) / 2 for left, right in inner]


def column_of(cell: Span, edges: Sequence[float]) -> int:
    """The column that holds most of a cell; of a wide one, the first that it fills."""
    first, last = bisect(edges, cell.x0), bisect(edges, cell.x1)
    if first == last:
        return first
    limits = [cell.x0, *edges[first:last], cell.x1]
    widths = [right - left for left, right in pairwise(limits)]
    return first + widths.index(max(widths))


def _divides(rows: Sequence[Sequence[Span]], left: float, right: float) -> bool:
    """Whether at least two rows have cells on both sides of the strip."""
    middle = (left + right) / 2
    return sum(1 for row in rows if row[0].x0 < middle < row[-1].x1) > min(1, len(rows) - 1)
