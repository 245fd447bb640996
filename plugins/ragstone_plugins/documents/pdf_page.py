"""One page of a PDF becomes headings, paragraphs, lists and tables."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ragstone_plugins.documents.pdf_lines import Line
from ragstone_plugins.documents.pdf_style import Style, edge_lines, running_key, usual_size
from ragstone_plugins.documents.pdf_tables import em_of, find_tables
from ragstone_plugins.documents.text import TextBuilder

_ITEM = re.compile(r"([•▪◦●○■‣\x80-\x9f\ue000-\uf8ff]|[-–*·](?=\s)|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)](?=\s))\s*(?=\S)")
_PARAGRAPH_GAP = 0.85
_FULL_LINE = 0.8
_MAX_HEADING_LINES = 3
_SAME_LEFT = 15.0
_MOST = 0.8


class PageWriter:
    """Writes pages one after the other; a running line is written where it stands first, and no more."""

    def __init__(self, style: Style, bookmarks: Mapping[int, Mapping[str, int]], out: TextBuilder) -> None:
        """`bookmarks` give levels of headings by their text, for each page; they count more than sizes do."""
        self._style = style
        self._bookmarks = bookmarks
        self._out = out
        self._seen: set[str] = set()
        self._usual = 0.0
        self._reaches: list[tuple[float, float]] = []

    def write(self, number: int, lines: Sequence[Line]) -> None:
        """Write the page with this number, counted from 1."""
        self._out.page(number)
        self._usual = usual_size(lines)
        self._reaches = sorted((line.x0, line.x1) for line in lines)
        em = em_of(lines)
        running = self._running(lines)
        tables = {min(table.lines): table for table in find_tables(lines, em)}
        in_table = {line for table in tables.values() for line in table.lines}
        paragraph: list[Line] = []
        heading: list[Line] = []
        for at, line in enumerate(lines):
            table = tables.get(at)
            if table is not None:
                self._flush(heading, paragraph, number)
                self._out.table(table.rows)
            if at in in_table or self._is_seen(at, line, running):
                continue
            level = None if at in running else self._level(number, line, goes_on=bool(heading))
            if level is not None and heading and not self._same_heading(heading, line, level, number, em):
                self._flush(heading, paragraph, number)
                level = self._level(number, line)
            if level is not None:
                self._flush([], paragraph, number)
                heading.append(line)
                continue
            if heading or (paragraph and _parts(paragraph, line, em)):
                self._flush(heading, paragraph, number)
            paragraph.append(line)
        self._flush(heading, paragraph, number)

    def _running(self, lines: Sequence[Line]) -> set[int]:
        return {at for at in edge_lines(lines) if running_key(lines[at].text) in self._style.running}

    def _is_seen(self, at: int, line: Line, running: set[int]) -> bool:
        if at not in running:
            return False
        key = running_key(line.text)
        seen = key in self._seen or not any(map(str.isalpha, key))
        self._seen.add(key)
        return seen

    def _level(self, number: int, line: Line, *, goes_on: bool = False) -> int | None:
        if self._bookmarks:
            return self._bookmarks.get(number, {}).get(bookmark_key(line.text))
        return self._style.level(line, self._usual, goes_on=goes_on)

    def _same_heading(self, heading: list[Line], line: Line, level: int, number: int, em: float) -> bool:
        last = heading[-1]
        gap = last.y0 - line.y1
        alike = last.size == line.size and last.bold == line.bold and self._level(number, last, goes_on=True) == level
        return (
            alike
            and -em < gap < _PARAGRAPH_GAP * max(em, line.size)
            and len(heading) < _MAX_HEADING_LINES
            and not self._bookmarks
        )

    def _flush(self, heading: list[Line], paragraph: list[Line], number: int) -> None:
        if heading:
            self._out.heading(self._level(number, heading[0]) or 1, " ".join(line.text for line in heading))
        if paragraph:
            self._write_paragraph(paragraph)
        heading.clear()
        paragraph.clear()

    def _write_paragraph(self, lines: list[Line]) -> None:
        """Lines that fill the column run on; shorter ones keep their ends, as in an address."""
        left = min(line.x0 for line in lines)
        right = self._right(left, max(line.x1 for line in lines))
        text = lines[0].text
        for last, line in pairwise(lines):
            full = last.x1 - left > _FULL_LINE * (right - left)
            text += ("" if last.hyphenated else " " if full else "\n") + line.text
        item = _ITEM.match(text)
        if item is None:
            self._out.paragraph(text)
        else:
            mark = item[1] if item[1][-1] in ".)" else "-"
            self._out.item(text[item.end() :], mark=mark)

    def _right(self, left: float, least: float) -> float:
        """The right edge of the column that begins at `left`: most of its lines end before, and a wide heading beyond."""
        ends = sorted(x1 for x0, x1 in self._reaches if abs(x0 - left) < _SAME_LEFT)
        return max(least, ends[int(_MOST * (len(ends) - 1))]) if ends else least


def bookmark_key(text: str) -> str:
    """Letters and digits only, since bookmarks and pages differ in spaces and points."""
    return "".join(filter(str.isalnum, text)).casefold()


def _parts(paragraph: list[Line], line: Line, em: float) -> bool:
    """Whether a line begins a new paragraph: after a gap, in another column or size, as a list's entry, or after a short end."""
    last = paragraph[-1]
    gap = last.y0 - line.y1
    em = max(em, min(last.y1 - last.y0, line.y1 - line.y0))
    if gap > _PARAGRAPH_GAP * em or gap < -2 * em or abs(last.size - line.size) > 1 or _ITEM.match(line.text):
        return True
    right = max(one.x1 for one in paragraph)
    return last.text[-1] in ".:!?" and last.x1 < right - 2 * em and len(paragraph) > 1
