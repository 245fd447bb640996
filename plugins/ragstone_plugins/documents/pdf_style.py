"""What sizes, weights and places mean in one PDF: body text, headings, running heads and feet."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragstone_plugins.documents.pdf_lines import Line

_NUMBERS = re.compile(r"\d+")
_BEGINS = re.compile(r"[^\W_a-z]|[\"“‘'«([¿¡§]")
_PART = re.compile(r"(?:part|book|volume|title)\s+(?:[IVX]+|\d+|[A-Z])\b", re.IGNORECASE)
_NUMBERED = re.compile(
    r"(?:item|chapter|section|article|note|annex|appendix|schedule|exhibit)\s+(?:\d+|[IVX]+|[A-Z])|(\d+(?:\.\d+)*\.?)\s",
    re.IGNORECASE,
)
_FEW_PAGES = 3
_LARGER = 1.07
_NEXT_SIZE = 1.06
_MAX_SIZES = 4
_HEADING_CHARS = 160
_BOLD_HEADING_CHARS = 110
_COMMON_SHARE = 0.25
_EDGE_LINES = 2
_FEWEST_REPEATS = 3
_REPEATED_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The style of one document."""

    levels: dict[float, int]
    """Level of a heading by its size in points; only sizes larger than the body's."""
    body: float
    """Size of most of the text, in points."""
    bold_level: int | None
    """Highest level of a bold line in the size of the body; None where bold is common."""
    running: frozenset[str]
    """Lines at the edge of most pages, with `#` for every number."""

    def level(self, line: Line, usual: float, *, goes_on: bool = False) -> int | None:
        """The level of a line, or None where it is no heading; one that goes on may begin in lower case.

        `usual` is the size of most of its page, since parts of a document differ: an annex, a contract.
        """
        text = line.text
        if not line.upright or len(text) > _HEADING_CHARS or not any(map(str.isalpha, text)):
            return None
        if not goes_on and not _BEGINS.match(text):
            return None
        if line.size in self.levels and not (text.endswith(".") and len(text) > _BOLD_HEADING_CHARS / 2):
            return self.levels[line.size]
        if self.bold_level is None or not line.bold or line.size < min(self.body, usual) or text[-1] in ".,;":
            return None
        return self.bold_level + _rank(text) if len(text) <= _BOLD_HEADING_CHARS else None


def style_of(pages: Iterable[Sequence[Line]]) -> Style:
    """Learn the style from some pages of a document."""
    sizes: Counter[float] = Counter()
    bold: Counter[float] = Counter()
    edges: Counter[str] = Counter()
    appearances: Counter[float] = Counter()
    count = 0
    for lines in pages:
        count += 1
        for line in lines:
            sizes[line.size] += len(line.text)
            bold[line.size] += len(line.text) * line.bold
        appearances.update({line.size for line in lines})
        edges.update({running_key(lines[at].text) for at in edge_lines(lines)})
    body = max(sizes, key=lambda size: sizes[size], default=0.0)
    total = sum(sizes.values())
    larger = [size for size in sizes if size > body * _LARGER and sizes[size] < _COMMON_SHARE * total]
    once = {size for size in larger if appearances[size] == 1} if count > _FEW_PAGES else set()
    levels = _levels(sorted(larger, reverse=True), once)
    bold_is_rare = bold[body] < _COMMON_SHARE * sizes[body]
    least = max(_FEWEST_REPEATS, _REPEATED_SHARE * count)
    return Style(
        levels=levels,
        body=body,
        bold_level=max(levels.values(), default=0) + 1 if bold_is_rare else None,
        running=frozenset(key for key, times in edges.items() if times >= least),
    )


def usual_size(lines: Sequence[Line]) -> float:
    """The size of most of the text, in points."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return max(sizes, key=lambda size: sizes[size], default=0.0)


def edge_lines(lines: Sequence[Line]) -> set[int]:
    """Numbers of the topmost and lowest lines of a page."""
    by_height = sorted(range(len(lines)), key=lambda at: lines[at].y0)
    return {*by_height[:_EDGE_LINES], *by_height[-_EDGE_LINES:]}


def running_key(text: str) -> str:
    """A running line without what changes from page to page."""
    return _NUMBERS.sub("#", text)


def _levels(sizes: list[float], once: set[float]) -> dict[float, int]:
    """A level for each size, from the largest; sizes that hardly differ share one.

    So do those that occur `once`, on a title page: they say nothing about the order of the headings below.
    """
    levels: dict[float, int] = {}
    level, head, last_once = 0, 0.0, False
    for size in sizes:
        new = head > size * _NEXT_SIZE and level < _MAX_SIZES and not (size in once and last_once)
        if not levels or new:
            level, head = level + 1, size
        last_once = size in once
        levels[size] = level
    return levels


def _rank(text: str) -> int:
    """How far a bold heading stands below the highest: parts, then what is numbered, then the rest."""
    if _PART.match(text):
        return 0
    numbered = _NUMBERED.match(text)
    return 1 + min((numbered[1] or "").rstrip(".").count("."), 1) if numbered else 2
