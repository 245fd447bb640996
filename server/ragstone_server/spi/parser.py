"""Parser: the bytes of a file become text with its structure."""

from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.spi.ranges import CharRange
from ragstone_server.spi.stages import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseRequest:
    """One file as it arrived."""

    content: bytes
    filename: str | None = None
    """The producer's name for it; breaks ties between text formats, never overrules the content."""
    mime_type: str | None = None
    """The declared type, trusted as little as the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, slide or sheet."""

    number: int
    """Counted from 1."""
    range: CharRange
    """Its part of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """One heading line of the text."""

    start: int
    """Offset in characters of the heading's line."""
    level: int
    """1 is the highest."""
    text: str
    """Without its marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """The extracted text and what is known about it.

    The text uses `\\n` for line ends, is NFC, and holds no other control character than tab. Headings stand on lines
    of their own, beginning with `#` marks where the format has headings; a table is lines of `| cell | cell |`.
    """

    text: str
    title: str | None
    language: str | None
    """ISO 639-1; None where unsure."""
    mime_type: str
    """As told by the content."""
    pages: tuple[Page, ...] = ()
    """In order, not overlapping; empty where the format has no pages."""
    headings: tuple[Heading, ...] = ()
    """In order of their start."""


Parser: TypeAlias = Stage[ParseRequest, ParsedDocument]
"""Told apart by content. Raises `DocumentUnsupported`, `DocumentBroken`, `DocumentEncrypted`, `DocumentWithoutText`,
`DocumentTooLarge`, `DocumentParseTimeout` or `DocumentParseCrash`; what it says about a failure never becomes text.
A hostile file costs at most the configured time and memory, in a process of its own. Cancelling stops that work."""
