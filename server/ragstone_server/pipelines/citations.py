"""Checks citations while the answer streams (promise P6): `[3]` stays if there is a passage 3, and is removed if not."""

import re
from collections.abc import Iterator, Mapping

from ragstone_server.pipelines.events import Citation, Delta
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.ranges import ByteRange

_MARKER = re.compile(r" ?\[(\d{1,4})\]")
_UNFINISHED = re.compile(r" ?(?:\[\d{0,4})?$")
"""End of a piece that may become a marker with the next one."""


class CitationChecker:
    """Takes pieces of an answer, gives deltas and citations in the order of the text."""

    def __init__(self, passages: tuple[NumberedPassage, ...]) -> None:
        self._passages: Mapping[int, NumberedPassage] = {passage.number: passage for passage in passages}
        self._held = ""
        self._sentence_start = 0
        self._last_range = ByteRange(start=0, end=0)
        self.citations: list[Citation] = []
        self.invalid = 0
        self.text = ""
        self._bytes = 0

    def feed(self, piece: str) -> Iterator[Delta | Citation]:
        """Check a further piece; its end is held back while it could be part of a marker."""
        text = self._held + piece
        unfinished = _UNFINISHED.search(text)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        yield from self._emit(text[:cut])

    def finish(self) -> Iterator[Delta | Citation]:
        """Give what was held back."""
        held, self._held = self._held, ""
        yield from self._emit(held)

    def _emit(self, text: str) -> Iterator[Delta | Citation]:
        begin = 0
        for marker in _MARKER.finditer(text):
            yield from self._say(text[begin : marker.start()])
            begin = marker.end()
            passage = self._passages.get(int(marker[1]))
            if passage is None:
                self.invalid += 1
                continue
            supported = self._supported()
            yield from self._say(marker[0])
            self._sentence_start = self._bytes
            citation = Citation(number=passage.number, passage=passage, range=supported)
            self.citations.append(citation)
            yield citation
        yield from self._say(text[begin:])

    def _say(self, text: str) -> Iterator[Delta]:
        if text:
            self.text += text
            self._bytes += len(text.encode())
            yield Delta(text=text)

    def _supported(self) -> ByteRange:
        """What stands between the last marker and this one; a marker right after another supports the same."""
        data = self.text.encode()[self._sentence_start :]
        text = data.decode()
        stripped = text.strip()
        if stripped:
            start = self._sentence_start + len(text[: len(text) - len(text.lstrip())].encode())
            self._last_range = ByteRange(start=start, end=start + len(stripped.encode()))
        return self._last_range
