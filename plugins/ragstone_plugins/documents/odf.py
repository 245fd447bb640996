"""ODT and ODP: OpenDocument text and presentations (ISO/IEC 26300), by way of HTML."""

from lxml import etree
from lxml.etree import QName
from lxml.etree import _Element as Element

from ragstone_plugins.documents.archive import Archive
from ragstone_plugins.documents.html import write_html
from ragstone_plugins.documents.ooxml import parse_xml, title_of
from ragstone_plugins.documents.outcome import Failure, Refused
from ragstone_plugins.documents.text import TextBuilder

_MAX_REPEATED = 100
_TAGS = {
    "p": "p",
    "list": "ul",
    "list-item": "li",
    "list-header": "li",
    "table": "table",
    "table-row": "tr",
    "table-cell": "td",
    "line-break": "br",
    "page": "div",
    "frame": "div",
    "note-body": "div",
    "section": "div",
    "notes": "div",
}
# What a reader does not see in its place. A note's number goes, its body stays.
_UNSEEN = frozenset({"annotation", "annotation-end", "tracked-changes", "note-citation", "forms", "title", "desc"})
_UNSEEN_PLACES = frozenset({"page-number", "date-time", "footer", "header", "page-thumbnail", "page"})
_PAGE = "page"
_TITLE = "Title"


def read_odf(archive: Archive, out: TextBuilder) -> str | None:
    """Write a document, or each slide of a presentation as a page, and return the title.

    Raises:
        Refused: BROKEN or ENCRYPTED.
    """
    manifest = archive.read_if_there("META-INF/manifest.xml")
    if manifest and b"encryption-data" in manifest:
        raise Refused(Failure.ENCRYPTED, "encrypted OpenDocument")
    content = parse_xml(archive.read("content.xml"))
    body = next((one for one in content.iter() if _name(one) == "body"), None)
    if body is None:
        raise Refused(Failure.BROKEN, "no body")
    styles = [one for one in content.iter() if _attribute(one, "parent-style-name") == _TITLE]
    titles = {_TITLE, *(_attribute(one, "name") for one in styles)}
    slides = [one for one in body.iter() if _name(one) == _PAGE]
    for number, part in enumerate(slides or [body], start=1):
        if slides:
            out.page(number)
        write_html(_to_html(part, titles), out)
    return title_of(archive, "meta.xml")


def _to_html(source: Element, titles: set[str]) -> Element:
    """The same tree with the elements of HTML; what has no counterpart becomes a `span`."""
    target = etree.Element(_tag(source, titles))
    for name, span in (("number-columns-spanned", "colspan"), ("number-rows-spanned", "rowspan")):
        if _attribute(source, name):
            target.set(span, _attribute(source, name))
    target.text = source.text
    for child in source:
        name = _name(child)
        if name == "s":
            _append_text(target, " " * _count(child, "c"))
        elif name == "tab":
            _append_text(target, "\t")
        elif name and name not in _UNSEEN and name != "covered-table-cell" and not _is_furniture(child):
            for _ in range(_repeats(child)):
                target.append(_to_html(child, titles))
        _append_text(target, child.tail)
    return target


def _tag(element: Element, titles: set[str]) -> str:
    name = _name(element)
    if name == "p" and _attribute(element, "style-name") in titles:
        return "h1"
    if name == "h":
        return f"h{min(_count(element, 'outline-level'), 6)}"
    if name == "frame" and _attribute(element, "class") == "title":
        return "h1"
    return _TAGS.get(name, "span")


def _is_furniture(element: Element) -> bool:
    return _name(element) == "frame" and _attribute(element, "class") in _UNSEEN_PLACES


def _repeats(element: Element) -> int:
    """How often a row or cell stands there; a tail of empty ones reaches to the end of the sheet and counts once."""
    name = {"table-cell": "number-columns-repeated", "table-row": "number-rows-repeated"}.get(_name(element))
    if name is None or not "".join(element.itertext()).strip():
        return 1
    return min(_count(element, name), _MAX_REPEATED)


def _append_text(target: Element, text: str | None) -> None:
    if not text:
        return
    if len(target):
        target[-1].tail = (target[-1].tail or "") + text
    else:
        target.text = (target.text or "") + text


def _name(element: Element) -> str:
    """The local name; empty for comments and the like."""
    return str(QName(element).localname) if isinstance(element.tag, str) else ""


def _attribute(element: Element, name: str) -> str:
    return next((str(value) for key, value in element.items() if QName(key).localname == name), "")


def _count(element: Element, name: str) -> int:
    value = _attribute(element, name)
    return min(max(int(value), 1), _MAX_REPEATED) if value.isdecimal() else 1
