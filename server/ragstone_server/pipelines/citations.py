"""Checks citations while the answer streams (promise P6): `[3]` stays if there is a passage 3, and is removed if not.

Models also write `[1, 2]`, `[1-3]` and `[^1]`. Those become `[1][2]`, `[1][2][3]` and `[1]`, without the numbers that name no
passage. What holds anything else, such as `[1.5, 2]`, `[2024-01-15]` or `[ 1 ]`, is text; so is a marker longer than `LONGEST`.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain

from ragstone_server.pipelines.events import Citation, Delta
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.sentences import split_sentences

LONGEST = 32
"""Characters of a marker with its brackets; no more of a stream is ever held back."""
WIDEST = 32
"""Numbers that a range may span; a wider one names no passages, and is not counted out."""

_DASH = r" ?[-\u2010-\u2015\u2212] ?"
_COMMA = r" ?[,;\uff0c\u3001] ?"
_ITEM = rf"\^?\d+(?:{_DASH}\^?\d+)?"
MARKER = re.compile(rf"( ?)\[(?=[^\]]{{1,{LONGEST - 2}}}\])({_ITEM}(?:{_COMMA}{_ITEM})*)\]")
"""With the space before it, and what stands between its brackets."""
_BEGUN = re.compile(rf"\[(?:{_ITEM}{_COMMA})*\^?(?:\d+ ?(?:{_DASH.removeprefix(' ?')}\^?(?:\d+ ?)?)?)?")
"""What a marker can begin with."""
_WORD = re.compile(r"\w")
_PARTS = re.compile(rf"(\d+)(?:{_DASH}\^?(\d+))?")


class CitationChecker:
    """Takes pieces of an answer, gives deltas and citations in the order of the text."""

    abstains = False
    """Whether the text turned out to say that there is no answer."""

    def __init__(self, passages: tuple[NumberedPassage, ...]) -> None:
        self._passages: Mapping[int, NumberedPassage] = {passage.number: passage for passage in passages}
        self._held = ""
        self._sentence_start = 0
        self._last_range = ByteRange(start=0, end=0)
        self.citations: list[Citation] = []
        self.invalid = 0
        """Numbers that named no passage; a range that is too wide or runs backwards counts as one."""
        self.text = ""
        self._bytes = 0

    def allow(self, passages: tuple[NumberedPassage, ...]) -> None:
        """From here on, these may be cited."""
        self._passages = {passage.number: passage for passage in passages}

    def feed(self, piece: str) -> Iterator[Delta | Citation]:
        """Check a further piece; its end is held back while it could be part of a marker."""
        text = self._held + piece
        cut = _settled(text)
        self._held = text[cut:]
        yield from self._emit(text[:cut])

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def forget_held(self) -> None:
        """Drop what was held back: the beginning of a marker that does not end here."""
        self._held = ""

    def finish(self) -> Iterator[Delta | Citation]:
        """Give what was held back."""
        held, self._held = self._held, ""
        yield from self._emit(held)

    def _emit(self, text: str) -> Iterator[Delta | Citation]:
        begin = 0
        for marker in MARKER.finditer(text):
            yield from self._say(text[begin : marker.start()])
            begin = marker.end()
            space, cited = marker[1], len(self.citations)
            for number in dict.fromkeys(numbers_of(marker)):
                passage = self._passages.get(number)
                if passage is None:
                    self.invalid += 1
                    continue
                supported = self._supported()
                yield from self._say(f"{space}[{number}]")
                space = ""
                self._sentence_start = self._bytes
                citation = Citation(number=number, passage=passage, range=supported)
                self.citations.append(citation)
                yield citation
            if len(self.citations) == cited and _begun(self.text) is not None:
                yield from self._say("[]")  # else what stands around it closes up to a marker that is not checked
        yield from self._say(text[begin:])

    def _say(self, text: str) -> Iterator[Delta]:
        if text:
            self.text += text
            self._bytes += len(text.encode())
            yield Delta(text=text)

    def _prose(self) -> str:
        """The text as sentences are read in it, each character at its byte."""
        return self.text

    def _supported(self) -> ByteRange:
        """The sentence before the marker, as far as no other marker has it; one right after another supports the same."""
        text = self._prose().encode()[self._sentence_start :].decode()
        sentences = [each for line in text.splitlines() for each in split_sentences(line) if _WORD.search(each)]
        if sentences:
            start = self._sentence_start + len(text[: text.rindex(sentences[-1])].encode())
            self._last_range = ByteRange(start=start, end=start + len(sentences[-1].encode()))
        return self._last_range


def _settled(text: str) -> int:
    """Up to where no further piece can change what the text means."""
    opening = _begun(text)
    end = len(text) if opening is None else opening
    return end - text.endswith(" ", 0, end)


def _begun(text: str) -> int | None:
    """Where the marker begins that further text may complete."""
    opening = text.rfind("[", max(0, len(text) - LONGEST + 1))
    return opening if opening >= 0 and _BEGUN.fullmatch(text, opening) else None


def numbers_of(marker: re.Match[str]) -> Iterator[int]:
    """The numbers of a `MARKER`, in its order; -1 for a range that is none."""
    return chain.from_iterable(map(_numbers, _PARTS.finditer(marker[2])))


def _numbers(part: re.Match[str]) -> range:
    """The numbers of `2` or `2-4`; -1, which names no passage, for a range that is none."""
    first, last = int(part[1]), int(part[2] or part[1])
    return range(first, last + 1) if 0 <= last - first < WIDEST else range(-1, 0)
