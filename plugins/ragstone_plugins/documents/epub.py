"""EPUB: the chapters of a book in their order."""

import posixpath
from urllib.parse import unquote

from ragstone_plugins.documents.archive import Archive
from ragstone_plugins.documents.decode import decode
from ragstone_plugins.documents.html import parse_html, write_html
from ragstone_plugins.documents.html_prune import prune
from ragstone_plugins.documents.ooxml import language_of, parse_xml, title_of
from ragstone_plugins.documents.outcome import Failure, Refused
from ragstone_plugins.documents.text import TextBuilder

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTER_TYPES = ("application/xhtml+xml", "text/html")
_FONT_ALGORITHMS = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")


def read_epub(archive: Archive, out: TextBuilder) -> tuple[str | None, str | None]:
    """Write the chapters; return the book's title and stated language.

    Raises:
        Refused: BROKEN or ENCRYPTED.
    """
    encryption = archive.read_if_there(_ENCRYPTION) or b""
    algorithms = encryption.count(b"EncryptionMethod ")
    if algorithms > sum(map(encryption.count, _FONT_ALGORITHMS)):
        raise Refused(Failure.ENCRYPTED, "encrypted chapters")
    package = _package(archive)
    for chapter in _chapters(archive, package):
        page = parse_html(decode(archive.read(chapter)).encode("utf-8", "replace"))
        write_html(prune(page), out)
    return title_of(archive, package), language_of(archive, package)


def _package(archive: Archive) -> str:
    """Path of the package document, which the container names."""
    for element in parse_xml(archive.read(_CONTAINER)).iter("{*}rootfile"):
        path = element.get("full-path")
        if path in archive.names:
            return str(path)
    raise Refused(Failure.BROKEN, "no package document")


def _chapters(archive: Archive, package: str) -> list[str]:
    """Paths of the chapters in reading order, without the table of contents."""
    root = parse_xml(archive.read(package))
    folder = posixpath.dirname(package)
    items = {}
    for item in root.iter("{*}item"):
        is_contents = "nav" in (item.get("properties") or "").split()
        if item.get("media-type") in _CHAPTER_TYPES and not is_contents:
            items[item.get("id")] = posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
    spine = [items.get(reference.get("idref")) for reference in root.iter("{*}itemref")]
    return [path for path in spine if path is not None and path in archive.names]
