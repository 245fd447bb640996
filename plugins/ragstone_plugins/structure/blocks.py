"""Blocks of a text: headings, paragraphs, tables and fenced code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragstone_server.spi.parser import Heading

_LINE = re.compile(r"[^\n]*\S[^\n]*")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")


class BlockKind(StrEnum):
    """What a block is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    TABLE = "table"
    CODE = "code"


@dataclass(slots=True)
class Block:
    """Some whole lines."""

    kind: BlockKind
    start: int
    end: int
    level: int
    """Of the section in which it stands, or that it heads; 0 before the first heading."""


class _Sections:
    """Tells heading lines, asked for in the order of the text."""

    def __init__(self, headings: Sequence[Heading], length: int) -> None:
        self._headings = headings
        self._next = 0
        self._length = length

    def level_at(self, start: int, end: int) -> int | None:
        """Level of the heading that is the line `start` to `end`; None for another line."""
        level = None
        while self._next < len(self._headings) and self._headings[self._next].start < end:
            if self._headings[self._next].start >= start:
                level = self._headings[self._next].level
            self._next += 1
        return level

    @property
    def end(self) -> int:
        """Where the present section ends."""
        return self._headings[self._next].start if self._next < len(self._headings) else self._length


def blocks(text: str, headings: Sequence[Heading]) -> Iterator[Block]:
    """All blocks of the text in order; they cover everything but white space. A fence without an end opens nothing."""
    sections = _Sections(headings, len(text))
    level, open_until, never_closed = 0, 0, (0, "")
    block: Block | None = None
    for line in _LINE.finditer(text):
        start, end = line.span()
        if start < open_until:
            continue
        heading = sections.level_at(start, end)
        level = level if heading is None else heading
        kind = _kind_of(text, start, end) if heading is None else BlockKind.HEADING
        if kind is BlockKind.CODE:
            fence = _FENCE.match(text, start)
            mark = fence[1] if fence else ""
            if never_closed[0] == sections.end and mark.startswith(never_closed[1]):
                closed = None
            else:
                closed = _closing(mark).search(text, end, sections.end)
            if closed is None:
                never_closed, kind = (sections.end, mark), BlockKind.PARAGRAPH
            else:
                end = open_until = closed.end()
        goes_on = (
            kind in (BlockKind.PARAGRAPH, BlockKind.TABLE) and text.count("\n", block.end if block else 0, start) < 2
        )
        if block is not None and goes_on and block.kind is kind:
            block.end = end
            continue
        if block is not None:
            yield block
        block = Block(kind=kind, start=start, end=end, level=level)
    if block is not None:
        yield block


def _kind_of(text: str, start: int, end: int) -> BlockKind:
    if text[start:end].lstrip().startswith("|"):
        return BlockKind.TABLE
    return BlockKind.CODE if _FENCE.match(text, start) else BlockKind.PARAGRAPH


def _closing(mark: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=\n)[ \t]*{re.escape(mark)}{re.escape(mark[0])}*[ \t]*(?=\n|\Z)")
