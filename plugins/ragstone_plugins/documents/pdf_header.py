"""The header of a PDF table: what stands in the bands above its figures, brought into one row."""

import re
from collections.abc import Sequence

from ragstone_plugins.documents.pdf_columns import Span, column_of
from ragstone_plugins.documents.pdf_rows import Band

_MOST_BANDS = 4
_YEAR = re.compile(r"(?:19|20)\d\d")


def header_bands(region: Sequence[Band], placed: Sequence[Sequence[str]]) -> int:
    """How many bands at the top are the header: those without a label in the first column, and one below with names only."""
    count = 0
    for at in range(min(len(placed) - 1, _MOST_BANDS)):
        if placed[at][0] and region[at].is_row:
            break
        if region[at].is_row:
            count = at + 1
    if 0 < count < len(placed) - 1 and all(map(_is_name, placed[count][1:])):
        return count + 1
    return count


def header_row(bands: Sequence[Band], edges: Sequence[float]) -> list[str]:
    """One cell for each column, from top to bottom; what reaches over several columns stands in each of them."""
    right = max(band.cells[-1].x1 for band in bands)
    limits = [*edges, right]
    middles = [(low + high) / 2 for low, high in zip(edges, limits[1:], strict=True)]
    row: list[list[str]] = [[] for _ in limits]
    for band in bands:
        over = [cell for cell in band.cells if column_of(cell, edges) > 0 or not band.is_row]
        shown = [min(over, key=lambda cell: abs(_middle(cell) - middle)) for middle in middles] if over else []
        for column, cell in enumerate(shown, start=1):
            row[column].append(cell.text)
        for cell in band.cells:
            if cell not in shown:
                row[column_of(cell, edges)].append(cell.text)
    return [" ".join(texts) for texts in row]


def _middle(cell: Span) -> float:
    return (cell.x0 + cell.x1) / 2


def _is_name(cell: str) -> bool:
    """Whether a cell can head a column: words, a date or a year."""
    return _YEAR.fullmatch(cell) is not None or any(map(str.isalpha, cell))
