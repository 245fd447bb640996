"""Tables of a PDF page, told by cells that stand below each other; a PDF does not say what is a table.

Lines are cut into cells at wide gaps, put into bands of equal height, and bands of several cells that share their columns are
a table. Columns of prose look alike but have long cells.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from statistics import fmean, median

from ragstone_plugins.documents.pdf_columns import Span, boundaries, column_of
from ragstone_plugins.documents.pdf_header import header_bands, header_row
from ragstone_plugins.documents.pdf_lines import Line, Word
from ragstone_plugins.documents.pdf_rows import Band, join_wrapped
from ragstone_plugins.documents.tables import tidy

_BULLET = re.compile(r"[•▪◦●○■□–—*·‣☐☒\x80-\x9f\ue000-\uf8ff-]|\(?[0-9A-Za-z]{1,3}[.)]")
_SIGNS = frozenset("$€£¥₩")
_EM_OF_HEIGHT = 1.15
_SAME_BAND = 0.45
_ROW_GAP = 4.0
_WRAP_GAP = 2.0
_INDENT_EMS = 3.0
_MAX_SINGLES = 3
_PROSE_EMS = 18.0
_PROSE_LINE_EMS = 15.0
_LONG_CELL = 0.6
_SHORT_CELL = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table and the lines that it was made of."""

    rows: list[list[str]]
    lines: frozenset[int]
    """Their numbers on the page."""


def em_of(lines: Sequence[Line]) -> float:
    """The size of the type as drawn, in points: stated sizes are in units of their own in some files."""
    heights = [word.y1 - word.y0 for line in lines for word in line.words if len(word.text) > 2 and word.y1 > word.y0]
    return (median(heights) * _EM_OF_HEIGHT) if heights else 10.0


def find_tables(lines: Sequence[Line], em: float) -> list[Table]:
    """All tables among the lines of a page."""
    tables = []
    for block in _blocks(lines, em):
        bands = _bands(lines, block, em)
        for region in _regions(bands, em):
            table = _table(region, em)
            if table is not None:
                tables.append(table)
    return tables


def cells_of(line: Line, em: float) -> list[Span]:
    """The parts of a line between gaps wider than an em; bullets and currency signs stay with what follows."""
    groups: list[list[Word]] = []
    for word in line.words:
        if groups and (_gap(groups[-1][-1], word) < em or _goes_with_next(groups)):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [
        Span(text=" ".join(w.text for w in group), x0=min(w.x0 for w in group), x1=max(w.x1 for w in group))
        for group in groups
    ]


def _gap(last: Word, word: Word) -> float:
    """The space between two words, in either direction of writing."""
    return max(word.x0 - last.x1, last.x0 - word.x1)


def _goes_with_next(groups: list[list[Word]]) -> bool:
    """Whether the last word of so many groups is a currency sign, or a bullet at the beginning of the line."""
    last = groups[-1][-1].text
    return last in _SIGNS or (len(groups) == 1 and len(groups[0]) == 1 and _BULLET.fullmatch(last) is not None)


def _blocks(lines: Sequence[Line], em: float) -> list[list[int]]:
    """Numbers of lines that belong together: a jump up the page begins a new column of prose, or one of a table's columns."""
    blocks: list[list[int]] = []
    for at, line in enumerate(lines):
        if blocks and line.y0 < lines[blocks[-1][-1]].y1 + 2 * em:
            blocks[-1].append(at)
        else:
            blocks.append([at])
    merged: list[list[int]] = []
    for block in blocks:
        if merged and not (_is_prose(lines, merged[-1], em) and _is_prose(lines, block, em)):
            merged[-1].extend(block)
        else:
            merged.append(block)
    return merged


def _is_prose(lines: Sequence[Line], block: list[int], em: float) -> bool:
    return fmean(lines[at].x1 - lines[at].x0 for at in block) > _PROSE_LINE_EMS * em


def _bands(lines: Sequence[Line], block: list[int], em: float) -> list[Band]:
    """The lines of a block by height, from the top."""
    bands: list[Band] = []
    for at in sorted(block, key=lambda at: -(lines[at].y0 + lines[at].y1)):
        center = (lines[at].y0 + lines[at].y1) / 2
        if not bands or bands[-1].center - center > _SAME_BAND * em:
            bands.append(Band(center=center))
        bands[-1].cells.extend(cells_of(lines[at], em))
        bands[-1].lines.add(at)
    for band in bands:
        band.cells.sort(key=lambda cell: cell.x0)
    return bands


def _regions(bands: list[Band], em: float) -> list[list[Band]]:
    """Runs of bands that begin and end with a row of cells, with at most a few labels in between."""
    regions: list[list[Band]] = []
    current: list[Band] = []
    for band, following in zip_longest(bands, bands[1:]):
        near = bool(current) and current[-1].center - band.center < _ROW_GAP * em
        if band.is_row and near:
            current.append(band)
        elif band.is_row:
            regions.append(current)
            current = [band]
        elif near and (_is_label(band, current) or _goes_on(band, following, current, em)):
            current.append(band)
        else:
            regions.append(current)
            current = []
    regions.append(current)
    return [_trim(region) for region in regions if sum(band.is_row for band in region) > 1]


def _is_label(band: Band, region: list[Band]) -> bool:
    """Whether a single cell can stand between rows: it is short, and not the fourth in a row."""
    recent = region[-_MAX_SINGLES:]
    if len(recent) == _MAX_SINGLES and not any(one.is_row for one in recent):
        return False
    left, right = _extent(region)
    return band.cells[0].x1 - band.cells[0].x0 < _LONG_CELL * (right - left)


def _goes_on(band: Band, following: Band | None, region: list[Band], em: float) -> bool:
    """Whether a long cell is a label that ends in the row below it, which has the figures."""
    if following is None or not following.is_row or band.center - following.center > _WRAP_GAP * em:
        return False
    left, right = _extent(region)
    cell = band.cells[0]
    within = cell.x0 - left < _INDENT_EMS * em and cell.x1 <= right
    return within and cell.text[-1] not in ".:;" and not following.cells[0].text[0].isupper()


def _trim(region: list[Band]) -> list[Band]:
    while not region[-1].is_row:
        region = region[:-1]
    return region


def _extent(region: list[Band]) -> tuple[float, float]:
    return min(band.cells[0].x0 for band in region), max(band.cells[-1].x1 for band in region)


def _table(region: list[Band], em: float) -> Table | None:
    """The region as a table, unless its cells share no columns or hold prose."""
    rows = [band for band in region if band.is_row]
    if any(left.x1 > right.x0 for band in region for left, right in pairwise(band.cells)):
        return None
    edges = boundaries([band.cells for band in rows])
    if not edges:
        return None
    if _columns_of_prose(rows, edges, em) > 1:
        return None
    placed = [_place(band, edges) for band in region]
    count = header_bands(region, placed)
    header = [header_row(region[:count], edges)] if count else []
    table = tidy([*header, *join_wrapped(region[count:], placed[count:])])
    if len(table) < 2 or len(table[0]) < 2:
        return None
    return Table(rows=table, lines=frozenset(line for band in region for line in band.lines))


def _columns_of_prose(rows: list[Band], edges: list[float], em: float) -> int:
    """How many columns have long cells; a table has one at most, for its labels."""
    widths: list[list[float]] = [[] for _ in range(len(edges) + 1)]
    for band in rows:
        for cell in band.cells:
            widths[column_of(cell, edges)].append(cell.x1 - cell.x0)
    return sum(1 for column in widths if column and fmean(column) > _PROSE_EMS * em)


def _place(band: Band, edges: list[float]) -> list[str]:
    """The row of a band. A single cell in the middle is a label too, unless it is a figure."""
    row = [""] * (len(edges) + 1)
    for cell in band.cells:
        is_label = not band.is_row and cell.text[0].isalpha() and len(cell.text) > _SHORT_CELL
        column = 0 if is_label else column_of(cell, edges)
        row[column] = f"{row[column]} {cell.text}".strip()
    return row
