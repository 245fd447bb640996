"""What a text needs beside itself to be cut again: its pages and headings, as compact JSON."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from ragstone_server.spi.parser import Heading, Page, ParsedDocument
from ragstone_server.spi.ranges import CharRange

_PLAIN = '{"pages":[],"headings":[]}'


def outline_of(document: ParsedDocument) -> str:
    """Of a document that was parsed."""
    if not document.pages and not document.headings:
        return _PLAIN
    outline = {
        "pages": [[page.number, page.range.start, page.range.end] for page in document.pages],
        "headings": [[heading.start, heading.level, heading.text] for heading in document.headings],
    }
    return json.dumps(outline, ensure_ascii=False, separators=(",", ":"))


def parsed_again(text: str, outline: str, pages: Sequence[tuple[int, int]]) -> ParsedDocument:
    """The document as its parser gave it, as far as cutting is concerned.

    Without an outline, as of texts from before outlines were kept, headings are the lines that begin with `#` marks, and a page
    begins where its first passage does: `pages` has (number, first byte) of each.
    """
    if outline:
        kept = json.loads(outline)
        return _document(
            text,
            tuple(Page(number=number, range=CharRange(start=start, end=end)) for number, start, end in kept["pages"]),
            tuple(Heading(start=start, level=level, text=title) for start, level, title in kept["headings"]),
        )
    return _document(text, _pages(text, pages), _headings(text))


def _document(text: str, pages: tuple[Page, ...], headings: tuple[Heading, ...]) -> ParsedDocument:
    return ParsedDocument(text=text, title=None, language=None, mime_type="", pages=pages, headings=headings)


def _pages(text: str, begins: Sequence[tuple[int, int]]) -> tuple[Page, ...]:
    ordered = sorted(begins, key=lambda each: each[1])
    if not ordered:
        return ()
    ends = list(accumulate(len(character.encode()) for character in text))
    # The first page has what stands before its first passage, too.
    starts = [0, *(bisect_right(ends, byte) for _, byte in ordered[1:]), len(text)]
    return tuple(
        Page(number=number, range=CharRange(start=start, end=end))
        for (number, _), start, end in zip(ordered, starts, starts[1:], strict=False)
    )


def _headings(text: str) -> tuple[Heading, ...]:
    found, start = [], 0
    for line in text.split("\n"):
        marks = len(line) - len(line.lstrip("#"))
        title = line[marks:].strip()
        if 1 <= marks <= 6 and line[marks : marks + 1] == " " and title:
            found.append(Heading(start=start, level=marks, text=title))
        start += len(line) + 1
    return tuple(found)
