"""Chunker: a parsed document becomes passages."""

from dataclasses import dataclass
from typing import Protocol

from ragstone_server.spi.parser import ParsedDocument
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRequest:
    """One document, and the tokens in which its chunks are measured."""

    document: ParsedDocument
    tokenizer: Tokenizer
    max_tokens: int
    """The embedder's limit; a chunk never holds more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One passage of a document."""

    range: ByteRange
    """Its part of the UTF-8 form of the document's text."""
    text: str
    """That part."""
    page: int | None
    """Number of the page on which it begins; None where the format has no pages."""
    headings: tuple[str, ...]
    """Headings above it, the outermost first."""
    tokens: int
    """Its length in tokens."""


class Chunker(Protocol):
    """A `Stage[ChunkRequest, tuple[Chunk, ...]]` with a fingerprint.

    Chunks come in the order of their starts, are not empty nor only white space, and together cover everything but white
    space. The same request gives the same chunks. A row of a table is cut only if it is longer than a chunk.
    """

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text could be cut otherwise."""
        ...

    async def __call__(self, request: ChunkRequest, /) -> tuple[Chunk, ...]:
        """Cut one document."""
        ...
