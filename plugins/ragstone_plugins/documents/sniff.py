"""Tells formats apart by their content; names and declared types only break ties between formats of text."""

import json
import re
from dataclasses import dataclass

from ragstone_plugins.documents.archive import Archive
from ragstone_plugins.documents.decode import decode
from ragstone_plugins.documents.delimited import looks_delimited
from ragstone_plugins.documents.formats import Format, charset, declared
from ragstone_plugins.documents.outcome import Failure, Refused
from ragstone_server.spi.parser import ParseRequest

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE_PARTS = (("word/document", Format.DOCX), ("ppt/presentation", Format.PPTX), ("xl/workbook", Format.XLSX))
_BY_MIMETYPE = {one.value.encode(): one for one in (Format.EPUB, Format.ODT, Format.ODS, Format.ODP)}
# What cannot be text, with a name for the log.
_BINARY = (
    (b"\x89PNG\r\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"RIFF", "RIFF"),
    (b"ID3", "MP3"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!\x1a", "rar"),
    (b"\x7fELF", "ELF"),
    (b"SQLite format 3\x00", "SQLite"),
    (b"PAR1", "Parquet"),
    (b"{\\rtf", "RTF"),
    (b"%!PS", "PostScript"),
)
_HEAD = 4096
# Atomic: with a choice of where a comment ends, five hundred of them would be matched in every combination.
_HTML = re.compile(
    r"\s*(?><\?xml[^>]*\?>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(
    r"<(?:html|head|body|div|p|h[1-6]|table|ul|ol|span|article|section|title|a|br|img)\b[^>]*>", re.IGNORECASE
)
_MAIL_LINE = re.compile(r"([!-9;-~]+):|[ \t]")
_MAIL_SURE = frozenset({"message-id", "mime-version", "received", "return-path", "delivered-to", "date"})
_MAIL_USUAL = frozenset({"from", "to", "subject", "cc", "reply-to", "sender"})
_MARKDOWN = re.compile(r"^(?:#{1,6} \S|```|\s*[-*] \[[ x]\] |\|[\s:|-]+\|\s*$)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniffed:
    """What the content is, in the form in which its reader wants it."""

    format: Format
    text: str = ""
    """Decoded, for the formats of text."""
    archive: Archive | None = None
    """Opened, for those of zip."""


def sniff(request: ParseRequest, max_expanded_bytes: int) -> Sniffed:
    """Tell what a file is.

    Raises:
        Refused: UNSUPPORTED, BROKEN, ENCRYPTED or TOO_LARGE; WITHOUT_TEXT where the file is empty.
    """
    content = request.content
    if not content.strip(b" \t\r\n\x00"):
        raise Refused(Failure.WITHOUT_TEXT, "empty file")
    if content.startswith(_ZIP):
        return _in_zip(Archive(content, max_expanded_bytes))
    if content.startswith(_OLE):
        return Sniffed(format=_in_ole(content))
    if _is_pdf(content):
        return Sniffed(format=Format.PDF)
    for magic, name in _BINARY:
        if content.startswith(magic):
            raise Refused(Failure.UNSUPPORTED, name)
    said = declared(request.filename, request.mime_type)
    try:
        text = decode(content, charset(request.mime_type))
    except Refused as refused:
        # Binary of an unknown kind is unsupported; what claims to be text and is none, broken.
        if said is None or said not in _TEXTUAL:
            raise Refused(Failure.UNSUPPORTED, "binary data of an unknown kind") from refused
        raise
    return Sniffed(format=_in_text(text, said), text=text)


_TEXTUAL = frozenset({Format.HTML, Format.XML, Format.EMAIL, Format.JSON, Format.MARKDOWN, Format.CSV, Format.PLAIN})


def _is_pdf(content: bytes) -> bool:
    """A header within the first kilobyte, as readers allow, but not one that a text quotes."""
    at = content.find(b"%PDF-", 0, 1024)
    return at == 0 or (at > 0 and (b"\n%PDF-" in content[:1030] or b"\x00" in content[:at]) and b"startxref" in content)


def _in_zip(archive: Archive) -> Sniffed:
    kind = _BY_MIMETYPE.get((archive.read_if_there("mimetype") or b"").strip())
    if kind is None and "[Content_Types].xml" in archive.names:
        kind = next((one for part, one in _OFFICE_PARTS if any(name.startswith(part) for name in archive.names)), None)
    if kind is None and "META-INF/container.xml" in archive.names:
        kind = Format.EPUB
    if kind is None:
        raise Refused(Failure.UNSUPPORTED, "a zip archive of no known kind")
    return Sniffed(format=kind, archive=archive)


def _in_ole(content: bytes) -> Format:
    """Look for the names of streams in an OLE container, where encrypted and old Office files live."""
    for name, failure in (("EncryptedPackage", Failure.ENCRYPTED), ("DRMEncryptedDataSpace", Failure.ENCRYPTED)):
        if name.encode("utf-16-le") in content:
            raise Refused(failure, name)
    for name in ("Workbook", "Book"):
        if f"{name}\0".encode("utf-16-le") in content:
            return Format.XLS
    raise Refused(Failure.UNSUPPORTED, "an OLE container that is no workbook")


def _in_text(text: str, said: Format | None) -> Format:
    head = text[:_HEAD]
    if _HTML.match(head):
        return Format.HTML
    if said is Format.HTML and _TAG.search(text):
        return Format.HTML
    if head.lstrip().startswith("<?xml") or (said is Format.XML and head.lstrip().startswith("<")):
        return Format.XML
    if _is_mail(head, sure=said is Format.EMAIL):
        return Format.EMAIL
    if said is Format.JSON or _is_json(text):
        return Format.JSON
    if said in (Format.MARKDOWN, Format.CSV, Format.PLAIN):
        return said
    if looks_delimited(head):
        return Format.CSV
    return Format.MARKDOWN if _MARKDOWN.search(head) else Format.PLAIN


def _is_mail(head: str, *, sure: bool) -> bool:
    """Whether the text begins with a block of header fields that only a mail has."""
    fields = set()
    for line in head.lstrip("\n").splitlines():
        if not line.strip():
            break
        match = _MAIL_LINE.match(line)
        if match is None:
            return False
        fields.add((match[1] or "").lower())
    return bool(fields & _MAIL_USUAL and fields & _MAIL_SURE) or (sure and bool(fields & (_MAIL_USUAL | _MAIL_SURE)))


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
