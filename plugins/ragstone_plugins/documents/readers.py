"""Reads a document of any format. This module imports every library, so only workers import it."""

import re

from ragstone_plugins.documents.delimited import read_delimited
from ragstone_plugins.documents.epub import read_epub
from ragstone_plugins.documents.formats import Format
from ragstone_plugins.documents.html import read_html
from ragstone_plugins.documents.json_lines import read_json
from ragstone_plugins.documents.language import detect
from ragstone_plugins.documents.mail import read_mail
from ragstone_plugins.documents.markdown import read_markdown
from ragstone_plugins.documents.odf import read_odf
from ragstone_plugins.documents.ooxml import title_of
from ragstone_plugins.documents.outcome import Failure, Refused
from ragstone_plugins.documents.pdf import read_pdf
from ragstone_plugins.documents.plain import read_plain, read_xml
from ragstone_plugins.documents.sheets import read_sheets
from ragstone_plugins.documents.slides import read_pptx
from ragstone_plugins.documents.sniff import Sniffed, sniff
from ragstone_plugins.documents.text import Draft, TextBuilder, one_line
from ragstone_plugins.documents.titles import says_something
from ragstone_plugins.documents.word import read_docx
from ragstone_server.spi.parser import ParsedDocument, ParseRequest

_LETTER = re.compile(r"[^\W_]")
_PROPERTIES = "docProps/core.xml"
_TITLE_WITHIN_CHARS = 1500
_TITLE_CHARS = 300


def read_document(request: ParseRequest, max_expanded_bytes: int) -> ParsedDocument:
    """Read one file.

    Raises:
        Refused: it cannot be read.
    """
    sniffed = sniff(request, max_expanded_bytes)
    out = TextBuilder(max_expanded_bytes)
    title, language = _read(sniffed, request.content, out)
    draft = out.build()
    if not _LETTER.search(draft.text):
        raise Refused(Failure.WITHOUT_TEXT, str(sniffed.format))
    return ParsedDocument(
        text=draft.text,
        title=_title(title, draft),
        language=detect(draft.text, language),
        mime_type=str(sniffed.format),
        pages=draft.pages,
        headings=draft.headings,
    )


def _read(sniffed: Sniffed, content: bytes, out: TextBuilder) -> tuple[str | None, str | None]:
    """Write the document and return what it states of its title and language."""
    text, archive = sniffed.text, sniffed.archive
    match sniffed.format:
        case Format.PDF:
            return read_pdf(content, out), None
        case Format.HTML:
            return read_html(text, out)
        case Format.EMAIL:
            return read_mail(content, out), None
        case Format.MARKDOWN:
            return read_markdown(text, out), None
        case Format.JSON:
            return read_json(text, out), None
        case Format.DOCX if archive:
            return read_docx(content, archive, out), None
        case Format.PPTX:
            return read_pptx(content, out), None
        case Format.EPUB if archive:
            return read_epub(archive, out)
        case Format.ODT | Format.ODP if archive:
            return read_odf(archive, out), None
        case Format.CSV:
            read_delimited(text, out)
        case Format.XML:
            read_xml(text, out)
        case Format.PLAIN:
            read_plain(text, out)
        case _:
            read_sheets(content, out)
            return (title_of(archive, _PROPERTIES) if archive else None), None
    return None, None


def _title(stated: str | None, draft: Draft) -> str | None:
    """The stated title, unless it is only a file name or number; else the highest of the first headings."""
    if stated and says_something(stated):
        return one_line(stated)[:_TITLE_CHARS]
    first = [one for one in draft.headings if one.start < _TITLE_WITHIN_CHARS and says_something(one.text)]
    return min(first, key=lambda heading: heading.level).text[:_TITLE_CHARS] if first else None
