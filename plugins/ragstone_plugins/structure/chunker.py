"""The chunker: measures the text once, finds its units, packs them, and says where each chunk is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragstone_plugins.structure.measure import Measure
from ragstone_plugins.structure.packing import Sizes, pack
from ragstone_plugins.structure.places import Bytes, Headings, Pages
from ragstone_plugins.structure.settings import StructureSettings
from ragstone_plugins.structure.units import Cut, Unit, units
from ragstone_server.spi.chunker import Chunk, ChunkRequest
from ragstone_server.spi.host import Lane
from ragstone_server.spi.ranges import ByteRange

_VERSION = 1
"""Of the algorithm: another cut of any text is another version."""
_SHORT_TEXT = 4000
"""Characters up to which cutting takes less time than a change of threads is worth."""


@dataclass(frozen=True, slots=True)
class _Span:
    """A chunk in characters, without white space at its ends."""

    start: int
    end: int
    tokens: int


class StructureChunker:
    """Fits `spi.chunker.Chunker`. Never holds up the event loop for long; cancelling stops the waiting only."""

    def __init__(self, settings: StructureSettings, lane: Lane) -> None:
        self._settings = settings
        self._lane = lane
        self.fingerprint = (
            f"structure-{_VERSION}-{settings.target_tokens}-{settings.min_tokens}-{settings.overlap_tokens}"
        )

    async def __call__(self, request: ChunkRequest, /) -> tuple[Chunk, ...]:
        """Cut one document."""
        if len(request.document.text) <= _SHORT_TEXT:
            return self.cut(request)
        return await self._lane.run(self.cut, request)

    def cut(self, request: ChunkRequest) -> tuple[Chunk, ...]:
        """Cut one document in the calling thread."""
        document = request.document
        spans = list(self._spans(request))
        places = Bytes(document.text, [edge for span in spans for edge in (span.start, span.end)])
        pages, headings = Pages(document.pages), Headings(document.headings)
        return tuple(
            Chunk(
                range=ByteRange(start=places.at(span.start), end=places.at(span.end)),
                text=document.text[span.start : span.end],
                page=pages.at(span.start),
                headings=headings.over(span.start, span.end),
                tokens=span.tokens,
            )
            for span in spans
        )

    def _spans(self, request: ChunkRequest) -> Iterator[_Span]:
        text, settings = request.document.text, self._settings
        measure = Measure(text, request.tokenizer)
        # A fifth of the embedder's limit is left to the title and the headings, which are embedded with the text.
        most = max(1, min(request.max_tokens * 4 // 5, settings.target_tokens * 5 // 4))
        target = min(settings.target_tokens, max(1, most * 4 // 5))
        sizes = Sizes(least=min(settings.min_tokens, target), target=target, most=most)
        parts = units(text, request.document.headings, measure, target, most)
        before = 0
        for first, last in pack(parts, measure, sizes):
            end = parts[last - 1].end
            room = min(settings.overlap_tokens, most - measure.atoms(parts[first].start, end))
            start = _overlapping(text, parts, before, first, measure, room) if first else parts[first].start
            yield from _checked(text, start, end, measure, request)
            before = first


def _overlapping(text: str, parts: Sequence[Unit], before: int, first: int, measure: Measure, overlap: int) -> int:
    """Where the chunk of the units from `first` begins, with what it repeats of the chunk from `before`."""
    start = parts[first].start
    if overlap <= 0 or not parts[first].prose:
        return start
    if parts[first].cut is Cut.WORD:
        begin = max(measure.before(start, overlap), parts[before].start + 1)
        space = next((i for i in range(begin, start) if text[i].isspace()), None)
        return start if space is None else space
    index = first
    while (
        index - 1 > before
        and parts[index].cut is not Cut.HEADING
        and parts[index - 1].prose
        and measure.atoms(parts[index - 1].start, parts[first].start) <= overlap
    ):
        index -= 1
    return parts[index].start


def _checked(text: str, start: int, end: int, measure: Measure, request: ChunkRequest) -> Iterator[_Span]:
    """The span without white space; none where nothing is left.

    A part of a word can have more tokens than the word (`[UNK]`), so one that was cut within a word is measured again.
    """
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start == end:
        return
    tokens = measure.tokens(start, end)
    if _within_word(text, start) or _within_word(text, end):
        tokens = len(request.tokenizer.offsets(text[start:end]))
    if tokens > request.max_tokens and end - start > 1:
        middle = (start + end) // 2
        yield from _checked(text, start, middle, measure, request)
        yield from _checked(text, middle, end, measure, request)
    else:
        yield _Span(start, end, tokens)


def _within_word(text: str, cut: int) -> bool:
    return 0 < cut < len(text) and not text[cut - 1].isspace() and not text[cut].isspace()
