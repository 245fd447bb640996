"""Units: the parts of a text that are not cut further, with how ill a cut before each would be."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ragstone_plugins.structure.blocks import Block, BlockKind, blocks
from ragstone_plugins.structure.measure import Measure
from ragstone_plugins.structure.sentences import sentence_ends
from ragstone_server.spi.parser import Heading

_LINE = re.compile(r"[^\n]*\S[^\n]*")
_RULE = re.compile(r"[ \t]*\|[ \t:|-]*-[ \t:|-]*")
"""The line under the head of a table."""
_CRUMB = 16
"""Units under this share of a chunk are joined, so that the number of units a chunk can hold has a bound."""


class Cut(IntEnum):
    """What lies before a unit; the greater, the worse is a cut there."""

    HEADING = 0
    PARAGRAPH = 1
    LINE = 2
    SENTENCE = 3
    WORD = 4
    BOUND = 5
    """A heading, or the head of a table, which should not lose what follows."""


@dataclass(slots=True)
class Unit:
    """One part; its ends may be white space."""

    start: int
    end: int
    cut: Cut
    level: int
    """Of its section."""
    prose: bool
    """Whether it is of running text: sentences, not rows, code or a heading."""
    rises: bool = False
    """Whether a heading above the level of the section before stands at its begin."""


def units(text: str, headings: Sequence[Heading], measure: Measure, target: int, most: int) -> list[Unit]:
    """All units of the text in order; they cover everything but white space.

    Each has `target` atoms at most, but a table or a code block that fits in `most` stays whole.
    """
    found: list[Unit] = []
    before: Block | None = None
    for block in blocks(text, headings):
        first = _cut_before(block, before)
        room = target if block.kind in (BlockKind.PARAGRAPH, BlockKind.HEADING) else most
        if first is Cut.BOUND and found:
            # What follows a heading leaves room for it, or the heading would stand alone.
            left = most - measure.atoms(found[-1].start, found[-1].end)
            room = min(room, left) if 2 * left > room else room
        for start, end, cut in _parts(text, block, measure, room):
            unit = Unit(start, end, first if cut is None else cut, block.level, block.kind is BlockKind.PARAGRAPH)
            unit.rises = cut is None and before is not None and block.level < before.level
            _append(found, unit, measure, max(1, target // _CRUMB))
        before = block
    return found


def _cut_before(block: Block, before: Block | None) -> Cut:
    after_heading = before is not None and before.kind is BlockKind.HEADING
    if block.kind is BlockKind.HEADING:
        return Cut.BOUND if after_heading and before is not None and block.level > before.level else Cut.HEADING
    return Cut.BOUND if after_heading else Cut.PARAGRAPH


def _append(found: list[Unit], unit: Unit, measure: Measure, crumb: int) -> None:
    last = found[-1] if found else None
    if (
        last is None
        or unit.rises
        or measure.atoms(last.start, last.end) >= crumb
        or measure.atoms(unit.start, unit.end) >= crumb
    ):
        found.append(unit)
    else:
        last.end = unit.end
        last.prose &= unit.prose


def _parts(text: str, block: Block, measure: Measure, limit: int) -> Iterator[tuple[int, int, Cut | None]]:
    """Parts of a block, (start, end, what lies before it; None for the first), each of `limit` atoms at most."""
    if measure.atoms(block.start, block.end) <= limit:
        yield block.start, block.end, None
        return
    if block.kind is BlockKind.PARAGRAPH or block.kind is BlockKind.HEADING:
        pieces = _sentences(text, block)
    else:
        pieces = _lines(text, block)
    first = True
    for start, end, cut in pieces:
        for begin, stop in _fitting(text, start, end, measure, limit):
            yield begin, stop, None if first else cut if begin == start else Cut.WORD
            first = False


def _sentences(text: str, block: Block) -> Iterator[tuple[int, int, Cut]]:
    begin = block.start
    for end in (*sentence_ends(text, block.start, block.end), block.end):
        if not text[begin:end].isspace():
            line_begins = text.find("\n", max(block.start, begin - 1), begin + 1) >= 0
            yield begin, end, Cut.LINE if line_begins else Cut.SENTENCE
            begin = end


def _lines(text: str, block: Block) -> Iterator[tuple[int, int, Cut]]:
    """Rows of a table, with its head bound to the first one, or lines of code, which are cut best at blank ones."""
    end, bound = block.start, False
    for line in _LINE.finditer(text, block.start, block.end):
        is_rule = block.kind is BlockKind.TABLE and _RULE.fullmatch(line[0]) is not None
        blank = text.count("\n", end, line.start()) > 1
        cut = Cut.BOUND if bound or is_rule else Cut.PARAGRAPH if blank else Cut.LINE
        yield line.start(), line.end(), cut
        end, bound = line.end(), is_rule


def _fitting(text: str, start: int, end: int, measure: Measure, limit: int) -> Iterator[tuple[int, int]]:
    """Even parts of `limit` atoms at most: cut at line ends, else at white space, else anywhere."""
    while (atoms := measure.atoms(start, end)) > limit:
        parts = -(-atoms // limit)
        cut = measure.after(start, -(-atoms // parts))
        middle = (start + cut) // 2
        line_end = text.rfind("\n", middle, cut)
        if line_end < 0 and not (text[cut - 1].isspace() or text[cut].isspace()):
            line_end = next((i for i in range(cut - 1, middle, -1) if text[i].isspace()), -1)
        cut = line_end + 1 if line_end >= 0 else cut
        yield start, cut
        start = cut
    yield start, end
