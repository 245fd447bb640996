"""What can be quoted from a passage of Markdown: its sentences, list items and table rows, each with what surrounds it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragstone_plugins.extractive.plain_text import plain
from ragstone_plugins.extractive.tables import Row, is_delimiter, is_row, read_rows
from ragstone_server.spi.sentences import split_sentences

_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"^\s{0,3}(=+|-+)\s*$")
_RULE = re.compile(r"^\s{0,3}([-*_])(?:\s*\1){2,}\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+(.*)$")
_QUOTE = re.compile(r"^\s{0,3}>\s?")
_FRONT_MATTER = re.compile(r"\A---\s*\n.*?\n---\s*(?:\n|\Z)", re.DOTALL)

_SHORT_LIST = 300
"""Characters up to which a list with its lead-in is quoted as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One thing that can be quoted."""

    text: str
    """Plain text, as it is quoted."""
    context: str
    """Headings above it within the passage and the sentence before it, which may name what it speaks of."""
    row: Row | None = None
    """The table row that `text` renders in full."""


def units(markdown: str, *, code: bool = False) -> Iterator[Unit]:
    """Quotable parts of a passage in order; blocks of code only where `code` is set. Headings are context, not units."""
    headings: dict[int, str] = {}
    lead_in = ""
    for block in _blocks(_FRONT_MATTER.sub("", markdown)):
        above = " ".join(headings.values())
        if block.kind == "heading":
            headings = {level: text for level, text in headings.items() if level < block.level}
            headings[block.level] = plain(block.lines[0])
            lead_in = ""
        elif block.kind == "table":
            for row in read_rows([[plain(cell) for cell in cells] for cells in block.cells], header=block.header):
                yield Unit(text=row.render(), context=f"{above} {lead_in}".strip(), row=row)
        elif block.kind == "list":
            yield from _list_units([plain(item) for item in block.lines], lead_in, above)
        elif block.kind == "code":
            if code and (text := " ".join(" ".join(block.lines).split())):
                yield Unit(text=text, context=f"{above} {lead_in}".strip())
        else:
            for sentence in split_sentences(plain("\n".join(block.lines))):
                yield Unit(text=sentence, context=f"{above} {lead_in}".strip())
                lead_in = sentence


def _list_units(items: list[str], lead_in: str, above: str) -> Iterator[Unit]:
    """A short list is one unit with the line that introduces it; of a long one each item is a unit."""
    introduced = lead_in if lead_in.endswith(":") else ""
    items = [item for item in items if item]
    whole = f"{introduced} {'; '.join(item.rstrip(';,') for item in items)}"
    if introduced and len(items) > 1 and len(whole) <= _SHORT_LIST:
        yield Unit(text=whole, context=above)
        return
    for item in items:
        first, *rest = split_sentences(item)
        yield Unit(text=f"{introduced} {first}".strip(), context=f"{above} {lead_in}".strip())
        for before, sentence in zip([first, *rest], rest, strict=False):
            yield Unit(text=sentence, context=f"{above} {before}".strip())


@dataclass(slots=True)
class _Block:
    """Lines that belong together."""

    kind: str
    lines: list[str]
    level: int = 0
    header: bool = False

    @property
    def cells(self) -> list[list[str]]:
        """Cells of a table, row by row, without the delimiter row."""
        rows = [line for line in self.lines if not is_delimiter(line)]
        return [re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|")) for line in rows]


def _blocks(markdown: str) -> Iterator[_Block]:
    """Cut Markdown into blocks by its lines; whatever is nothing else is a paragraph."""
    block = _Block("paragraph", [])
    fence = ""
    for raw in markdown.splitlines():
        line = _QUOTE.sub("", raw)
        if fence:
            if line.strip().startswith(fence):
                yield block
                block, fence = _Block("paragraph", []), ""
            else:
                block.lines.append(line)
            continue
        kind = _kind(line, block)
        if kind == "underline":
            yield _Block("heading", [" ".join(block.lines)], level=1 if "=" in line else 2)
            block = _Block("paragraph", [])
            continue
        if kind != block.kind or kind in ("heading", "blank", "fence"):
            if block.lines:
                yield block
            block = _Block(kind, [])
        if kind == "fence":
            fence = line.strip()[:3]
            block = _Block("code", [])
        elif kind == "heading":
            match = _HEADING.match(line)
            assert match is not None
            yield _Block("heading", [match[2]], level=len(match[1]))
            block = _Block("paragraph", [])
        elif kind == "list" and (match := _ITEM.match(line)):
            block.lines.append(match[1])
        elif kind == "list":
            block.lines[-1] += f" {line.strip()}"
        elif kind == "table":
            block.header = block.header or (len(block.lines) == 1 and is_delimiter(line))
            block.lines.append(line)
        elif kind == "blank":
            block = _Block("paragraph", [])
        else:
            block.lines.append(line)
    if block.lines:
        yield block


def _kind(line: str, block: _Block) -> str:
    """What a line is, seen with the block that it may continue."""
    if not line.strip():
        return "blank"
    if _FENCE.match(line):
        return "fence"
    if _HEADING.match(line):
        return "heading"
    if block.kind == "paragraph" and len(block.lines) == 1 and _UNDERLINE.match(line):
        return "underline"
    if _RULE.match(line):
        return "blank"
    if is_row(line):
        return "table"
    if _ITEM.match(line) or (block.kind == "list" and block.lines):
        return "list"
    return "paragraph"
