"""Plain text and XML."""

from lxml import etree

from ragstone_plugins.documents.outcome import Failure, Refused, broken
from ragstone_plugins.documents.text import TextBuilder, one_line


def read_plain(text: str, out: TextBuilder) -> None:
    """The text as it is."""
    out.paragraph(text)


def read_xml(text: str, out: TextBuilder) -> None:
    """A line for each element that holds text, named by it, as in `country: Peru`.

    Entities are not expanded and nothing is fetched.

    Raises:
        Refused: BROKEN where the text is not well-formed.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, encoding="utf-8"
    )
    try:
        tree = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.LxmlError as error:
        raise broken(error) from error
    if tree is None:
        raise Refused(Failure.BROKEN, "no element")
    lines = []
    for element in tree.iter(etree.Element):
        content = one_line(" ".join([element.text or "", *(child.tail or "" for child in element)]))
        if content:
            lines.append(f"{etree.QName(element).localname}: {content}")
    out.paragraph("\n".join(lines))
