"""A chunker of whole lines."""

import re
from collections.abc import Iterator

from ragstone_server.spi.chunker import Chunk, ChunkRequest
from ragstone_server.spi.parser import ParsedDocument
from ragstone_server.spi.ranges import ByteRange

_LINE = re.compile(r"[^\n]*\S[^\n]*")


class MemoryChunker:
    """Fits `spi.chunker.Chunker`: as many lines as fit make a chunk; a longer line is cut between tokens."""

    fingerprint = "memory-1"

    async def __call__(self, request: ChunkRequest, /) -> tuple[Chunk, ...]:
        """Cut one document."""
        spans: list[tuple[int, int]] = []
        for start, end in _pieces(request):
            begin = spans[-1][0] if spans else start
            if spans and _tokens(request, begin, end) <= request.max_tokens:
                spans[-1] = (begin, end)
            else:
                spans.append((start, end))
        return tuple(_chunk(request, start, end) for start, end in spans)


def _tokens(request: ChunkRequest, start: int, end: int) -> int:
    return len(request.tokenizer.offsets(request.document.text[start:end]))


def _pieces(request: ChunkRequest) -> Iterator[tuple[int, int]]:
    """Lines without white space at their ends, cut into what fits."""
    text = request.document.text
    for line in _LINE.finditer(text):
        start = line.start() + len(line[0]) - len(line[0].lstrip())
        end = line.start() + len(line[0].rstrip())
        while _tokens(request, start, end) > request.max_tokens:
            cut = start + int(request.tokenizer.offsets(text[start:end])[request.max_tokens, 0])
            yield start, start + len(text[start:cut].rstrip())
            start = cut
        yield start, end


def _chunk(request: ChunkRequest, start: int, end: int) -> Chunk:
    document = request.document
    first_byte = len(document.text[:start].encode())
    return Chunk(
        range=ByteRange(start=first_byte, end=first_byte + len(document.text[start:end].encode())),
        text=document.text[start:end],
        page=next((page.number for page in reversed(document.pages) if page.range.start <= start), None),
        headings=_headings(document, start),
        tokens=_tokens(request, start, end),
    )


def _headings(document: ParsedDocument, start: int) -> tuple[str, ...]:
    path: list[tuple[int, str]] = []
    for heading in document.headings:
        if heading.start <= start:
            path = [*(above for above in path if above[0] < heading.level), (heading.level, heading.text)]
    return tuple(text for _, text in path)
