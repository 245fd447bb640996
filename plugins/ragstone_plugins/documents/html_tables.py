"""Tables of HTML: which hold data and which only lay out a page, and the cells of the former."""

from collections.abc import Iterator

from lxml import etree
from lxml.etree import _Element as Element

_DATA_CELL_CHARS = 600
_BLOCKS_OF_LAYOUT = ("h1", "h2", "h3", "h4", "pre", "form", "article", "section")
_SPACED = frozenset({"p", "div", "br", "li", "td", "th", "ul", "ol"})
_MAX_SPAN = 100


def is_data(table: Element) -> bool:
    """Whether a table has at least two columns, and no cell that is a page of its own.

    A small table in a cell is read as the text of the cell.
    """
    columns = 0
    for row in _rows(table):
        cells = [cell for cell in row if cell.tag in ("td", "th")]
        columns = max(columns, len(cells))
        for cell in cells:
            if next(cell.iter(*_BLOCKS_OF_LAYOUT), None) is not None or _longer(cell, _DATA_CELL_CHARS):
                return False
    return columns > 1


def cell_rows(table: Element) -> list[list[str]]:
    """The text of the cells. A cell over several rows is repeated in each, so that every row can be read alone.

    One over several columns stands in the first of them.
    """
    rows: list[list[str]] = []
    carried: dict[int, tuple[str, int]] = {}
    for row in _rows(table):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in ("td", "th"):
                continue
            _carry(cells, carried)
            text = " ".join("".join(_pieces(cell)).split())
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            if height > 1:
                carried[len(cells)] = (text, height - 1)
            cells += [text, *[""] * (width - 1)]
        _carry(cells, carried)
        rows.append(cells)
    return rows


def _rows(table: Element) -> Iterator[Element]:
    """The rows of a table, without those of tables in its cells."""
    for row in table.iter("tr"):
        if next(row.iterancestors("table"), None) is table:
            yield row


def _carry(cells: list[str], carried: dict[int, tuple[str, int]]) -> None:
    """Fill the places that cells from rows above reach into."""
    while len(cells) in carried:
        at = len(cells)
        text, left = carried.pop(at)
        if left > 1:
            carried[at] = (text, left - 1)
        cells.append(text)


def _pieces(cell: Element) -> list[str]:
    """Texts of a cell, with a space where a block or line ends."""
    pieces: list[str] = []
    walk = etree.iterwalk(cell, events=("start", "end"))
    for event, element in walk:
        if element.tag in _SPACED:
            pieces.append(" ")
        if event == "end":
            pieces.append(element.tail or "" if element is not cell else "")
        elif element.tag in ("script", "style"):
            walk.skip_subtree()
        else:
            pieces.append(element.text or "")
    return pieces


def _longer(cell: Element, limit: int) -> bool:
    length = 0
    for text in cell.itertext():
        length += len(text.strip())
        if length > limit:
            return True
    return False


def _span(cell: Element, name: str) -> int:
    """A span as browsers read it: 1 where it makes no sense, and never enormous."""
    value = (cell.get(name) or "1").strip()
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() else 1
