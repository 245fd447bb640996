"""Packs passages into a token budget and numbers them, once, after the last filter."""

from collections.abc import Sequence

from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.evidence import NumberedPassage, Passage, ScoredPassage
from ragstone_server.spi.positions import ContentKey
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.tokenizer import Tokenizer

Piece = tuple[ByteRange, str]


class Packer:
    """Takes the best passages first, then widens them to their neighbours while the budget lasts."""

    def __init__(self, store: CatalogStore, tokenizer: Tokenizer, neighbours: int) -> None:
        self._store = store
        self._tokenizer = tokenizer
        self._neighbours = neighbours

    async def __call__(self, passages: Sequence[ScoredPassage], budget_tokens: int) -> tuple[NumberedPassage, ...]:
        """Numbered from 1 in the order of the passages. The first is always packed; a later one that does not fit is left out."""
        taken: list[ScoredPassage] = []
        left = budget_tokens
        for scored in passages:
            cost = self._tokens(scored.passage.text)
            if cost <= left or not taken:
                taken.append(scored)
                left -= cost
        packed_ordinals = {(s.passage.content_key, s.passage.ordinal) for s in taken}
        numbered = []
        for number, scored in enumerate(taken, 1):
            span, text, left = await self._widened(scored.passage, packed_ordinals, left)
            numbered.append(NumberedPassage(number=number, scored=scored, range=span, text=text))
        return tuple(numbered)

    async def _widened(
        self, passage: Passage, packed: set[tuple[ContentKey, int]], left: int
    ) -> tuple[ByteRange, str, int]:
        """The passage with as many neighbours as fit, of those that are not packed already."""
        if self._neighbours == 0 or left <= 0:
            return passage.range, passage.text, left
        first, last = passage.ordinal - self._neighbours, passage.ordinal + self._neighbours
        around = await self._store.neighbours(passage.content_key, passage.generation, max(0, first), last)
        own = (passage.range, passage.text)
        before = [piece for piece in around if piece[0].start < passage.range.start]
        after = [piece for piece in around if piece[0].start > passage.range.start]
        pieces = [own]
        for offset, piece in [(-i, p) for i, p in enumerate(reversed(before), 1)] + list(enumerate(after, 1)):
            place = passage.content_key, passage.ordinal + offset
            cost = self._tokens(piece[1])
            if place in packed or cost > left or not _adjacent(pieces, piece):
                continue
            packed.add(place)
            pieces.append(piece)
            left -= cost
        span, text = _joined(pieces)
        return span, text, left

    def _tokens(self, text: str) -> int:
        return len(self._tokenizer.offsets(text))


def _adjacent(pieces: list[Piece], piece: Piece) -> bool:
    """Chunks are parted by white space at most; a greater gap means that a piece between was left out."""
    span = piece[0]
    return any(span.start - other.end < 16 and other.start - span.end < 16 for other, _ in pieces)


def _joined(pieces: list[Piece]) -> Piece:
    """One text of pieces that may overlap; a gap of white space becomes a line end."""
    pieces = sorted(pieces, key=lambda piece: piece[0])
    span, text = pieces[0]
    data = text.encode()
    end = span.end
    for other, more in pieces[1:]:
        if other.start > end:
            data += b"\n"
        data += more.encode()[max(0, end - other.start) :]
        end = max(end, other.end)
    return ByteRange(start=span.start, end=end), data.decode()
