"""A text with its outline is cut again as it was when it was parsed."""

from ragstone_server.pipelines.outlines import outline_of, parsed_again
from ragstone_server.spi.parser import Heading, Page, ParsedDocument
from ragstone_server.spi.ranges import CharRange

TEXT = "# Fähren\n\nUm neun.\n\n## Preise\n\nZwölf Euro.\n\nSeite drei."
PARSED = ParsedDocument(
    text=TEXT,
    title="Fähren",
    language="de",
    mime_type="text/markdown",
    pages=(
        Page(number=1, range=CharRange(start=0, end=20)),
        Page(number=3, range=CharRange(start=20, end=len(TEXT))),
    ),
    headings=(Heading(start=0, level=1, text="Fähren"), Heading(start=TEXT.index("##"), level=2, text="Preise")),
)


def test_pages_and_headings_come_back() -> None:
    again = parsed_again(TEXT, outline_of(PARSED), ())
    assert (again.text, again.pages, again.headings) == (TEXT, PARSED.pages, PARSED.headings)


def test_a_text_without_any_has_an_outline_too() -> None:
    """Its lines that begin with a mark are no headings then."""
    plain = ParsedDocument(text="# no heading", title=None, language=None, mime_type="text/plain")
    outline = outline_of(plain)
    assert outline
    assert parsed_again(plain.text, outline, ()).headings == ()


def test_without_an_outline_headings_are_the_marked_lines() -> None:
    again = parsed_again(TEXT, "", ())
    assert again.headings == PARSED.headings
    assert again.pages == ()
    assert parsed_again("#hashtag\n####### seven\n#\n# ", "", ()).headings == ()


def test_without_an_outline_a_page_begins_with_its_first_passage() -> None:
    """Told in bytes; what stands before the first passage is of the first page."""
    begin = len(TEXT[: TEXT.index("Zwölf")].encode())
    again = parsed_again(TEXT, "", ((3, begin), (1, 5)))
    assert [page.number for page in again.pages] == [1, 3]
    first, third = (TEXT[page.range.start : page.range.end] for page in again.pages)
    assert third.startswith("Zwölf")
    assert first + third == TEXT
