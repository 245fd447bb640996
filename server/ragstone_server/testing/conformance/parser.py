"""Suite of the kind `parser`. A subclass gives the fixture `parser`; see `tests/conformance`.

Which formats a parser reads is its own affair: what is here holds for every parser that reads text in UTF-8.
"""

import asyncio
import unicodedata
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone_server.spi.errors import (
    DocumentBroken,
    DocumentEncrypted,
    DocumentParseCrash,
    DocumentParseTimeout,
    DocumentTooLarge,
    DocumentUnsupported,
    DocumentWithoutText,
)
from ragstone_server.spi.parser import ParsedDocument, Parser, ParseRequest

REFUSALS = (
    DocumentBroken,
    DocumentEncrypted,
    DocumentParseCrash,
    DocumentParseTimeout,
    DocumentTooLarge,
    DocumentUnsupported,
    DocumentWithoutText,
)
PROPERTY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
_PARTS = st.sampled_from(
    [
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"<html><p>",
        b"# Title\n\n",
        b"| a | b |\n",
        b"\xef\xbb\xbf",
        b"\x00",
        b"\xff\xfe",
        b"word ",
    ]
)
contents: st.SearchStrategy[bytes] = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode(errors="replace")),
    st.lists(st.one_of(_PARTS, st.binary(max_size=10)), max_size=8).map(b"".join),
)


def check(parsed: ParsedDocument) -> None:
    """What `ParsedDocument` says of itself is true."""
    text = parsed.text
    assert text.strip()
    assert unicodedata.is_normalized("NFC", text)
    assert not {c for c in text if unicodedata.category(c) in ("Cc", "Cs")} - {"\n", "\t"}
    starts = [heading.start for heading in parsed.headings]
    assert starts == sorted(set(starts))
    for heading in parsed.headings:
        assert heading.start == 0 or text[heading.start - 1] == "\n"
        assert heading.level >= 1
        assert text[heading.start :].lstrip().startswith("#")
    end = 0
    for page in parsed.pages:
        assert end <= page.range.start <= page.range.end <= len(text)
        assert page.number >= 1
        end = page.range.end
    assert parsed.mime_type


class ParserConformance:
    """Every promise of `spi.parser` that does not depend on a format."""

    marker: ClassVar[str] = "xyzzy-plugh"
    """A word that never comes back in an error."""

    async def test_text(self, parser: Parser) -> None:
        """Line ends, composition and marks of byte order are normalised; nothing else is lost."""
        content = "\ufeffFerries of Nordvik\r\nU\u0308berfahrt nach 神戸\r\rThe end.\n".encode()
        parsed = await parser(ParseRequest(content=content, filename="a.txt", mime_type="text/plain"))
        check(parsed)
        lines = [line for line in parsed.text.split("\n") if line]
        assert lines == ["Ferries of Nordvik", "Überfahrt nach 神戸", "The end."]

    @PROPERTY
    @given(content=contents)
    async def test_any_bytes_give_a_document_or_a_refusal(self, parser: Parser, content: bytes) -> None:
        """Never another error, and never a document that breaks the rules."""
        try:
            parsed = await parser(ParseRequest(content=content))
        except REFUSALS as error:
            assert error.message  # noqa: PT017  (either way is right)
        else:
            check(parsed)

    @pytest.mark.parametrize("content", [b"", b" \r\n\t", b"\xef\xbb\xbf"])
    async def test_no_text(self, parser: Parser, content: bytes) -> None:
        """An empty document is refused as such."""
        with pytest.raises(DocumentWithoutText):
            await parser(ParseRequest(content=content, filename="a.txt", mime_type="text/plain"))

    async def test_the_content_overrules_name_and_type(self, parser: Parser) -> None:
        """Text that calls itself an archive is read, or refused, but never taken for one that broke the server."""
        request = ParseRequest(content=b"just text", filename="a.zip", mime_type="application/zip")
        try:
            check(await parser(request))
        except REFUSALS as error:
            assert error.message  # noqa: PT017  (either way is right)

    async def test_an_error_does_not_quote_the_document(self, parser: Parser) -> None:
        """What is refused was not cleared for anyone's eyes."""
        content = b"\x00\x01" + self.marker.encode() + b"\x00" * 50
        try:
            await parser(ParseRequest(content=content))
        except REFUSALS as error:
            assert self.marker not in f"{error} {error.metadata}"  # noqa: PT017  (either way is right)

    async def test_documents_at_once_do_not_mix(self, parser: Parser) -> None:
        """Several tasks parse at the same time."""
        texts = [f"Document number {number}." for number in range(6)]
        parsed = await asyncio.gather(*(parser(ParseRequest(content=text.encode())) for text in texts))
        assert [each.text.strip() for each in parsed] == texts
