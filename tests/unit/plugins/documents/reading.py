"""Reads in this process, without workers, and checks what every document must hold to."""

from ragstone_plugins.documents.outcome import Failure, Refused
from ragstone_plugins.documents.readers import read_document
from ragstone_server.spi.parser import ParsedDocument, ParseRequest
from ragstone_server.testing.conformance.parser import check

MIB = 1024 * 1024


def read(content: bytes | str, filename: str | None = None, mime_type: str | None = None) -> ParsedDocument:
    data = content.encode() if isinstance(content, str) else content
    document = read_document(ParseRequest(content=data, filename=filename, mime_type=mime_type), 64 * MIB)
    check(document)
    for heading in document.headings:
        line = document.text[heading.start :].split("\n", 1)[0]
        assert line == f"{'#' * heading.level} {heading.text}"
    if document.pages:
        assert document.pages[0].range.start == 0
        assert document.pages[-1].range.end == len(document.text)
        for page, following in zip(document.pages, document.pages[1:], strict=False):
            assert page.range.end == following.range.start
    return document


def failure(content: bytes | str, filename: str | None = None, *, max_expanded_bytes: int = 64 * MIB) -> Failure | None:
    """How reading fails; None where it does not."""
    data = content.encode() if isinstance(content, str) else content
    try:
        read_document(ParseRequest(content=data, filename=filename), max_expanded_bytes)
    except Refused as refused:
        return refused.refusal.failure
    return None
