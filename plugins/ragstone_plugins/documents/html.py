"""HTML: the main content of a page, or a whole tree that another reader made."""

import re

from lxml import etree
from lxml.etree import _Element as Element

from ragstone_plugins.documents.html_prune import prune
from ragstone_plugins.documents.html_tables import cell_rows, is_data
from ragstone_plugins.documents.outcome import Failure, Refused, broken
from ragstone_plugins.documents.text import TextBuilder, one_line

_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main nav ol p pre section summary table tbody td tfoot th"
    " thead tr ul".split()
)
_SILENT = frozenset("head script style noscript template svg math iframe object canvas audio video map select".split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset({"ul", "ol", "menu"})
_XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_SPACE = re.compile(r"[ \t\r\n\f]+")


def parse_html(data: bytes) -> Element:
    """The tree of a page in UTF-8, whatever its mistakes.

    Raises:
        Refused: WITHOUT_TEXT where there is no element at all.
    """
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        tree = etree.fromstring(data, parser)
    except etree.LxmlError as error:
        raise broken(error) from error
    if tree is None:
        raise Refused(Failure.WITHOUT_TEXT, "no element")
    return tree


def read_html(text: str, out: TextBuilder) -> tuple[str | None, str | None]:
    """Write the main content of a page, without navigation, banners and scripts; return its title and stated language."""
    tree = parse_html(text.encode("utf-8", "replace"))
    title = tree.findtext(".//title")
    language = tree.get("lang") or tree.get(_XML_LANGUAGE)
    write_html(prune(tree), out)
    return (one_line(title) if title else None), language


def write_html(tree: Element, out: TextBuilder) -> None:
    """Write all blocks of a tree, in their order."""
    _Writer(out).walk(tree)


class _Writer:
    """Walks a tree without recursion, since pages nest deeper than a stack, and writes a block wherever one ends."""

    def __init__(self, out: TextBuilder) -> None:
        self._out = out
        self._text: list[str] = []
        self._heading: int | None = None
        self._lists: list[str] = []
        self._numbers: list[int] = []
        self._in_item = False
        self._pre = 0

    def walk(self, tree: Element) -> None:
        """Write the whole tree."""
        walk = etree.iterwalk(tree, events=("start", "end"))
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "end":
                self._end(tag)
                if element is not tree:
                    self._append(element.tail)
            elif tag in _SILENT:
                walk.skip_subtree()
            elif tag == "table" and is_data(element):
                self._flush()
                self._table(element)
                walk.skip_subtree()
            else:
                self._start(tag)
                self._append(element.text)
        self._flush()

    def _start(self, tag: str) -> None:
        if tag == "br":
            self._text.append("\n")
        if tag not in _BLOCKS and tag not in _LISTS:
            return
        self._flush()
        if tag in _HEADINGS:
            self._heading = _HEADINGS[tag]
        elif tag in _LISTS:
            self._lists.append(tag)
            self._numbers.append(0)
        elif tag == "li":
            self._in_item = True
            if self._numbers:
                self._numbers[-1] += 1
        elif tag == "pre":
            self._pre += 1

    def _end(self, tag: str) -> None:
        if tag not in _BLOCKS and tag not in _LISTS:
            return
        self._flush()
        if tag in _HEADINGS:
            self._heading = None
        elif tag in _LISTS and self._lists:
            self._lists.pop()
            self._numbers.pop()
            if not self._lists:
                self._out.end_list()
        elif tag == "li":
            self._in_item = False
        elif tag == "pre":
            self._pre -= 1

    def _append(self, text: str | None) -> None:
        if text:
            self._text.append(text if self._pre else _SPACE.sub(" ", text))

    def _flush(self) -> None:
        """Write the text gathered since the last block."""
        text = "".join(self._text)
        self._text.clear()
        if not text.strip():
            return
        if self._heading is not None:
            self._out.heading(self._heading, text)
        elif self._pre:
            self._out.code(text)
        elif self._in_item:
            ordered = bool(self._lists) and self._lists[-1] == "ol"
            mark = f"{self._numbers[-1]}." if ordered else "-"
            self._out.item(text, depth=max(len(self._lists) - 1, 0), mark=mark)
            # What follows in the same entry belongs to it but is no entry of its own.
            self._in_item = False
        else:
            self._out.paragraph("\n".join(one_line(line) for line in text.split("\n")))

    def _table(self, table: Element) -> None:
        caption = table.find(".//caption")
        if caption is not None:
            self._out.paragraph(one_line("".join(caption.itertext())))
        self._out.table(cell_rows(table))
