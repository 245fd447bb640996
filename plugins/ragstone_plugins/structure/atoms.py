"""The smallest parts that a chunk is made of: headings, rows, sentences; of what is too long, runs of words."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.structure.sentences import sentences
from ragstone_server.spi.parser import Heading
from ragstone_server.spi.ranges import CharRange

_LINE = re.compile(r"[^\n]*\n?")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """One part, not cut any further."""

    range: CharRange
    section: int
    """Number of headings at or before it."""
    repeatable: bool
    """Whether the next chunk may repeat it: a sentence, not a row or a heading."""


class Tokens:
    """Counts the tokens of any range of a text that was cut into tokens once."""

    def __init__(self, offsets: NDArray[np.int32]) -> None:
        self._starts = offsets[:, 0].tolist() if len(offsets) else []

    def count(self, span: CharRange) -> int:
        """Tokens that begin in the range."""
        return bisect_right(self._starts, span.end - 1) - bisect_right(self._starts, span.start - 1)

    def after(self, start: int, tokens: int) -> int:
        """Where, from `start` on, the token begins before which there are so many."""
        index = bisect_right(self._starts, start - 1) + tokens
        return self._starts[index] if index < len(self._starts) else -1


def atoms(text: str, headings: Sequence[Heading], tokens: Tokens, most: int) -> Iterator[Atom]:
    """Cut a text into atoms of at most `most` tokens that together cover all but white space, in order."""
    starts = [heading.start for heading in headings]
    for span, kind in _blocks(text, frozenset(starts)):
        section = bisect_right(starts, span.start)
        for part in sentences(text, span) if kind == "prose" else (span,):
            for piece in _fitting(text, part, tokens, most):
                if text[piece.start : piece.end].strip():
                    yield Atom(range=piece, section=section, repeatable=kind == "prose")


def _blocks(text: str, headings: frozenset[int]) -> Iterator[tuple[CharRange, str]]:
    """Paragraphs as ranges of `prose`; headings, rows of tables, list items and lines of code as `line`."""
    paragraph: int | None = None
    fenced = False
    for match in _LINE.finditer(text):
        start, end = match.span()
        if start == end:
            break
        line = match[0]
        fence = line.lstrip().startswith("```")
        alone = fenced or fence or start in headings or line.lstrip().startswith("|")
        if paragraph is not None and (alone or not line.strip() or _LIST_ITEM.match(line)):
            yield CharRange(start=paragraph, end=start), "prose"
            paragraph = None
        fenced = fenced != fence
        if alone:
            yield CharRange(start=start, end=end), "line"
        elif line.strip() and paragraph is None:
            paragraph = start
    if paragraph is not None:
        yield CharRange(start=paragraph, end=len(text)), "prose"


def _fitting(text: str, span: CharRange, tokens: Tokens, most: int) -> Iterator[CharRange]:
    """The range, or pieces of it that fit, cut before words where there are words."""
    start = span.start
    while tokens.count(CharRange(start=start, end=span.end)) > most:
        cut = tokens.after(start, most)
        space = max((text.rfind(mark, start, cut) for mark in (" ", "\n", "\t")), default=-1)
        stop = space + 1 if space >= start + (cut - start) // 2 else cut
        yield CharRange(start=start, end=stop)
        start = stop
    yield CharRange(start=start, end=span.end)
