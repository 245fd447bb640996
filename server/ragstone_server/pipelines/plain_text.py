"""Text that arrives as text needs no parser, only the same order as extracted text."""

import re
import unicodedata

from ragstone_server.spi.errors import DocumentWithoutText
from ragstone_server.spi.parser import ParsedDocument

MIME_TYPE = "text/plain"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_LINE_END = re.compile(r"\r\n?")


def plain_document(text: str) -> ParsedDocument:
    """Normalise line ends and composition (NFC), drop control characters. Raises `DocumentWithoutText`."""
    text = unicodedata.normalize("NFC", _CONTROL.sub(" ", _LINE_END.sub("\n", text))).strip()
    if not text:
        raise DocumentWithoutText
    return ParsedDocument(text=text, title=None, language=None, mime_type=MIME_TYPE)
