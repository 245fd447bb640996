"""A parser of plain text."""

import re
import unicodedata

from ragstone_server.spi.errors import DocumentUnsupported, DocumentWithoutText
from ragstone_server.spi.parser import ParsedDocument, ParseRequest

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_LINE_END = re.compile(r"\r\n?")


async def memory_parser(request: ParseRequest, /) -> ParsedDocument:
    """Read UTF-8; anything else raises `DocumentUnsupported`. Fits `spi.parser.Parser`."""
    if b"\x00" in request.content:
        raise DocumentUnsupported("only text is read here")
    try:
        text = request.content.decode()
    except UnicodeDecodeError as error:
        raise DocumentUnsupported("only UTF-8 is read here") from error
    text = unicodedata.normalize("NFC", _CONTROL.sub(" ", _LINE_END.sub("\n", text))).strip()
    if not text:
        raise DocumentWithoutText
    return ParsedDocument(text=text, title=None, language=None, mime_type="text/plain")
