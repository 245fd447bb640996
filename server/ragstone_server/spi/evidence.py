"""Passages on their way from retrieval into an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from ragstone_server.spi.generations import GenerationNumber
from ragstone_server.spi.metadata import Metadata
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import ContentKey, DocumentKey, PassageKey
from ragstone_server.spi.ranges import ByteRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One passage of a document as the catalog holds it."""

    key: PassageKey
    passage_id: str
    """Deterministic: the same document, content and chunker give the same id."""
    document: DocumentId
    document_key: DocumentKey
    content_key: ContentKey
    generation: GenerationNumber
    ordinal: int
    """Counted from 0 within its content, as the generation cut it."""
    version: int
    title: str
    uri: str
    page: int | None
    headings: tuple[str, ...]
    range: ByteRange
    """Its part of the document's extracted text."""
    text: str
    metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPassage:
    """A passage with its scores."""

    passage: Passage
    score: float
    """Of the last stage that ranked it; 0 to 1."""
    scores: Mapping[str, float]
    """By stage: `dense`, `lexical`, `fused`, `rerank`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPassage:
    """A passage as it stands in the prompt."""

    number: int
    """Counted from 1 in the order of the prompt; what a citation names."""
    scored: ScoredPassage
    range: ByteRange
    """Part of the document's text that was packed: the passage's own, or widened to its neighbours."""
    text: str
    """That part."""


def rendered(title: str, headings: tuple[str, ...], text: str) -> str:
    """A passage as it is embedded, searched and hashed: title, heading path and text, a line each."""
    path = " > ".join(heading for heading in headings if heading != title)
    return "\n".join(line for line in (title, path, text) if line)
