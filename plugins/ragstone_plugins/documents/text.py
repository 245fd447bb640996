"""The text under construction: blocks go in, and pages and headings keep their offsets."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ragstone_plugins.documents.outcome import Failure, Refused
from ragstone_plugins.documents.tables import render
from ragstone_server.spi.parser import Heading, Page
from ragstone_server.spi.ranges import CharRange

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_SPACES = re.compile("[\xa0\u2007\u202f]")
_DROPPED = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\ufeff\ufffe\uffff\ud800-\udfff]")
_TRAILING = re.compile(r"[ \t]+(?=\n|\Z)")
_LEADING_BREAKS = re.compile(r"\A(?:[ \t]*\n)+")
_LIGATURES = dict(zip(range(0xFB00, 0xFB07), ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True))
_MANY_BREAKS = re.compile(r"\n{4,}")


def clean(text: str) -> str:
    """NFC with `\\n` for line ends, without other control characters than tab, soft hyphens and byte order marks.

    Spaces that do not break become plain ones and ligatures letters, so that words are found; white space at the end of a
    line goes.
    """
    text = _DROPPED.sub("", _SPACES.sub(" ", _LINE_ENDS.sub("\n", text))).translate(_LIGATURES)
    return unicodedata.normalize("NFC", _MANY_BREAKS.sub("\n\n\n", _TRAILING.sub("", text)))


def one_line(text: str) -> str:
    """Cleaned, with single spaces for all white space."""
    return " ".join(clean(text).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The finished text with its structure, before title and language."""

    text: str
    pages: tuple[Page, ...]
    headings: tuple[Heading, ...]


class TextBuilder:
    """Collects the blocks of one document in reading order."""

    def __init__(self, max_chars: int) -> None:
        """Refuse (`TOO_LARGE`) what would make the text longer than `max_chars`."""
        self._max_chars = max_chars
        self._parts: list[str] = []
        self._length = 0
        self._in_list = False
        self._page: int | None = None
        self._pages: list[tuple[int, int]] = []
        self._headings: list[Heading] = []

    def page(self, number: int) -> None:
        """What follows stands on this page; a page without text leaves no trace."""
        self._page = number

    def heading(self, level: int, text: str) -> None:
        """A heading of level 1 to 6, in one line; levels beyond are brought within."""
        title, level = one_line(text), min(max(level, 1), 6)
        if title:
            start = self._add(f"{'#' * level} {title}")
            self._headings.append(Heading(start=start, level=level, text=title))

    def paragraph(self, text: str) -> None:
        """Text with its own line ends kept."""
        stripped = _LEADING_BREAKS.sub("", clean(text)).rstrip()
        if stripped:
            self._add(stripped)

    def item(self, text: str, *, depth: int = 0, mark: str = "-") -> None:
        """An entry of a list, in one line, indented by two spaces a level."""
        entry = one_line(text)
        if entry:
            self._add(f"{'  ' * depth}{mark} {entry}", in_list=True)

    def end_list(self) -> None:
        """The next entry begins another list."""
        self._in_list = False

    def code(self, text: str) -> None:
        """A listing, fenced so that nothing in it passes for a heading or a table."""
        stripped = _LEADING_BREAKS.sub("", clean(text)).rstrip()
        if stripped:
            self._add(f"```\n{stripped}\n```")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows of cells, the first of them the header."""
        lines = render([[one_line(cell) for cell in row] for row in rows])
        if lines:
            self._add(lines)

    def build(self) -> Draft:
        """The text so far. Page ranges touch, and together cover all of it."""
        starts = [*(start for _, start in self._pages), self._length]
        pages = tuple(
            Page(number=number, range=CharRange(start=start, end=end))
            for (number, _), start, end in zip(self._pages, starts[:-1], starts[1:], strict=True)
        )
        return Draft(text="".join(self._parts), pages=pages, headings=tuple(self._headings))

    def _add(self, block: str, *, in_list: bool = False) -> int:
        """Append a block and say where it begins."""
        if self._parts:
            gap = "\n" if in_list and self._in_list else "\n\n"
            self._parts.append(gap)
            self._length += len(gap)
        self._in_list = in_list
        start = self._length
        if self._page is not None and (not self._pages or self._pages[-1][0] != self._page):
            self._pages.append((self._page, start if self._pages else 0))
        self._parts.append(block)
        self._length += len(block)
        if self._length > self._max_chars:
            raise Refused(Failure.TOO_LARGE, f"more than {self._max_chars} characters of text")
        return start
