"""PDF, through PDFium."""

from collections.abc import Iterator, Mapping
from itertools import dropwhile, islice, takewhile

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ragstone_plugins.documents.outcome import Failure, Refused, broken
from ragstone_plugins.documents.pdf_lines import Line, PageReader
from ragstone_plugins.documents.pdf_page import PageWriter, bookmark_key
from ragstone_plugins.documents.pdf_style import Style, style_of
from ragstone_plugins.documents.text import TextBuilder, one_line
from ragstone_plugins.documents.titles import says_something

_SAMPLE_PAGES = 24
_TITLE_LINES = 3
_MAX_BOOKMARKS = 20_000
_FEWEST_BOOKMARKS = 5
_TRUSTED_SHARE = 0.3
_LOCKED = (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)


def read_pdf(content: bytes, out: TextBuilder) -> str | None:
    """Write all pages and return the title. Scanned pages have no text of their own.

    Raises:
        Refused: ENCRYPTED or BROKEN.
    """
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) in _LOCKED:
            raise Refused(Failure.ENCRYPTED, str(error)) from error
        raise broken(error) from error
    try:
        pages = _Pages(document)
        style = style_of(pages.sample())
        writer = PageWriter(style, _bookmarks(document, pages), out)
        for number in range(1, len(document) + 1):
            writer.write(number, pages.lines(number))
        stated = one_line(document.get_metadata_dict().get("Title", ""))
        return stated if stated and says_something(stated) else _largest(pages.lines(1), style)
    finally:
        document.close()


def _largest(lines: list[Line], style: Style) -> str | None:
    """What stands in the largest type on a page, which is its title; some lines of it, where it has several."""
    headings = [line for line in lines if line.size in style.levels and line.upright]
    size = max((line.size for line in headings), default=0.0)
    run = takewhile(lambda line: line.size == size, dropwhile(lambda line: line.size != size, headings))
    text = " ".join(line.text for line in islice(run, _TITLE_LINES))
    return text if says_something(text) else None


class _Pages:
    """The lines of each page, read when asked for."""

    def __init__(self, document: pdfium.PdfDocument) -> None:
        self._document = document
        self._reader = PageReader()

    def lines(self, number: int) -> list[Line]:
        """Lines of the page with this number; none where the page is damaged."""
        try:
            page = self._document[number - 1]
        except pdfium.PdfiumError:
            # One damaged page is no reason to lose the others.
            return []
        try:
            return self._reader.lines(page)
        except pdfium.PdfiumError:
            return []
        finally:
            page.close()

    def sample(self) -> Iterator[list[Line]]:
        """Lines of pages spread over the document."""
        count = len(self._document)
        step = max(count / _SAMPLE_PAGES, 1)
        for at in range(min(count, _SAMPLE_PAGES)):
            yield self.lines(int(at * step) + 1)


def _bookmarks(document: pdfium.PdfDocument, pages: _Pages) -> Mapping[int, Mapping[str, int]]:
    """Levels of headings by page and text, where the file's bookmarks are found on the pages that they point to."""
    found: dict[int, dict[str, int]] = {}
    for at, mark in enumerate(document.get_toc()):
        destination = mark.get_dest()
        index = destination.get_index() if destination is not None else None
        if at >= _MAX_BOOKMARKS:
            break
        if index is not None:
            found.setdefault(index + 1, {})[bookmark_key(mark.get_title())] = mark.level + 1
    checked = sorted(found)[:_SAMPLE_PAGES]
    expected = sum(len(found[number]) for number in checked)
    matched = 0
    for number in checked:
        if 1 <= number <= len(document):
            matched += len(found[number].keys() & {bookmark_key(line.text) for line in pages.lines(number)})
    return found if matched >= max(_FEWEST_BOOKMARKS, _TRUSTED_SHARE * expected) else {}
