"""The lines of a PDF page, with the place of every word, as PDFium finds them.

Coordinates are in points; y grows upwards.
"""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import hypot, sin

import pypdfium2 as pdfium
import pypdfium2.raw as raw

_BOLD_NAMES = ("bold", "black", "heavy", "semibold", "demi")
_BOLD_WEIGHT = 600
_FONT_NAME_BYTES = 128
# PDFium marks a hyphen that only breaks a word at the end of a line with one of three codes.
_WORD = re.compile("([^\x00-\x20\xa0\u3000\u2000-\u200a\xad\ufffe]+)([\x02\xad\ufffe])?")
_LINE = re.compile("[^\r\n]+")
_HALF = re.compile("[\ud800-\udfff]")
_POINTS = frozenset(".·…")
_MOST_POINTS = 3
_SLANTED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Characters without white space between them."""

    text: str
    x0: float
    x1: float
    y0: float
    y1: float
    at: int
    """Number of its first character on the page."""
    hyphenated: bool
    """Whether it goes on in the next word."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Words side by side."""

    words: tuple[Word, ...]
    size: float
    """Size of the type as drawn, in half points rounded."""
    bold: bool
    upright: bool
    """Whether it runs from side to side, and not up the margin."""

    @cached_property
    def text(self) -> str:
        """The words with single spaces."""
        return " ".join(word.text for word in self.words)

    @cached_property
    def x0(self) -> float:
        """Left edge."""
        return min(word.x0 for word in self.words)

    @cached_property
    def x1(self) -> float:
        """Right edge."""
        return max(word.x1 for word in self.words)

    @cached_property
    def y0(self) -> float:
        """Lower edge."""
        return min(word.y0 for word in self.words)

    @cached_property
    def y1(self) -> float:
        """Upper edge."""
        return max(word.y1 for word in self.words)

    @property
    def hyphenated(self) -> bool:
        """Whether its last word goes on in the next line."""
        return self.words[-1].hyphenated


class PageReader:
    """Reads lines; keeps the buffers for the calls into C."""

    def __init__(self) -> None:
        self._box = [ctypes.c_double() for _ in range(4)]
        self._box_references = [ctypes.byref(one) for one in self._box]
        self._name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
        self._flags = ctypes.c_int()
        self._matrix = raw.FS_MATRIX()

    def lines(self, page: pdfium.PdfPage) -> list[Line]:
        """Lines in the order of the page's content, without what lies outside of its visible part."""
        box = page.get_cropbox()
        text_page = page.get_textpage()
        try:
            handle = text_page.raw
            text = _characters(handle)
            found = []
            for line in _LINE.finditer(text):
                words = [word for word in self._words(handle, text, line) if _inside(word, *box)]
                words = _without_leaders(words)
                if words and abs(sin(raw.FPDFText_GetCharAngle(handle, words[0].at))) > _SLANTED:
                    found.append(self._line(handle, words, upright=False))
                else:
                    found += [self._line(handle, part) for part in _level_parts(words)]
            return found
        finally:
            text_page.close()

    def _words(self, handle: object, text: str, line: re.Match[str]) -> Iterator[Word]:
        for found in _WORD.finditer(text, line.start(), line.end()):
            start, end = found.span(1)
            left, right, low, high = self._place(handle, start)
            if end - start > 1:
                other = self._place(handle, end - 1)
                left, right = min(left, other[0]), max(right, other[1])
                low, high = min(low, other[2]), max(high, other[3])
            yield Word(text=_whole(found[1]), x0=left, x1=right, y0=low, y1=high, at=start, hyphenated=bool(found[2]))

    def _line(self, handle: object, words: list[Word], *, upright: bool = True) -> Line:
        """Judge the type of a line by its longest word, since the first may be a footnote's number."""
        at = max(words, key=lambda word: len(word.text)).at
        raw.FPDFText_GetMatrix(handle, at, self._matrix)
        scale = hypot(self._matrix.c, self._matrix.d) or 1.0
        size = raw.FPDFText_GetFontSize(handle, at) * scale
        return Line(words=tuple(words), size=round(size * 2) / 2, bold=self._is_bold(handle, at), upright=upright)

    def _place(self, handle: object, at: int) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of a character."""
        left, right, bottom, top = self._box_references
        raw.FPDFText_GetCharBox(handle, at, left, right, bottom, top)
        return self._box[0].value, self._box[1].value, self._box[2].value, self._box[3].value

    def _is_bold(self, handle: object, at: int) -> bool:
        if raw.FPDFText_GetFontWeight(handle, at) >= _BOLD_WEIGHT:
            return True
        length = raw.FPDFText_GetFontInfo(handle, at, self._name, _FONT_NAME_BYTES, ctypes.byref(self._flags))
        name = self._name.raw[: max(length - 1, 0)].decode("utf-8", "replace").lower()
        return any(bold in name for bold in _BOLD_NAMES)


def _characters(handle: object) -> str:
    """The characters of a page by their numbers; those beyond the first plane stand in two halves."""
    count = raw.FPDFText_CountChars(handle)
    buffer = (ctypes.c_ushort * (count + 1))()
    if raw.FPDFText_GetText(handle, 0, count, buffer) == count + 1:
        codes = buffer[:count]
    else:
        # Some characters have no code; only one by one do numbers and characters agree.
        codes = [raw.FPDFText_GetUnicode(handle, at) for at in range(count)]
    return "".join(map(chr, codes))


def _level_parts(words: list[Word]) -> Iterator[list[Word]]:
    """Cut where a word stands above or below its neighbour: PDFium runs cells and hyphenated lines together."""
    part: list[Word] = []
    for word in words:
        if part and (word.y0 > part[-1].y1 or word.y1 < part[-1].y0 or _apart(word, part[-1])):
            yield part
            part = []
        part.append(word)
    if part:
        yield part


def _apart(word: Word, last: Word) -> bool:
    return abs(word.y0 + word.y1 - last.y0 - last.y1) / 2 > max(word.y1 - word.y0, last.y1 - last.y0)


def _without_leaders(words: list[Word]) -> list[Word]:
    """The words without rows of points, which lead to the page numbers of a table of contents."""
    points = [set(word.text) <= _POINTS for word in words]
    near = [points[max(at - 1, 0) : at + 2] for at in range(len(words))]
    return [
        word
        for word, point, around in zip(words, points, near, strict=True)
        if not (point and (sum(around) > 1 or len(word.text) > _MOST_POINTS))
    ]


def _whole(text: str) -> str:
    """Characters in halves put together; a half that stands alone goes."""
    if _HALF.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _inside(word: Word, left: float, bottom: float, right: float, top: float) -> bool:
    x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
    return left - 1 <= x <= right + 1 and bottom - 1 <= y <= top + 1
