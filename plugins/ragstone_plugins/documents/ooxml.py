"""What all Office files share: their properties."""

from lxml import etree

from ragstone_plugins.documents.archive import Archive
from ragstone_plugins.documents.outcome import broken
from ragstone_plugins.documents.text import one_line

_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_LANGUAGE = "{http://purl.org/dc/elements/1.1/}language"


def parse_xml(data: bytes) -> etree._Element:
    """A part of a package; entities stay unexpanded and nothing is fetched.

    Raises:
        Refused: BROKEN.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        return etree.fromstring(data, parser)
    except etree.LxmlError as error:
        raise broken(error) from error


def title_of(archive: Archive, part: str) -> str | None:
    """The title in the Dublin Core of a package, where it has any."""
    return _property(archive, part, _TITLE)


def language_of(archive: Archive, part: str) -> str | None:
    """The language stated there."""
    return _property(archive, part, _LANGUAGE)


def _property(archive: Archive, part: str, name: str) -> str | None:
    data = archive.read_if_there(part)
    if not data:
        return None
    element = next(parse_xml(data).iter(name), None)
    return one_line("".join(element.itertext())) or None if element is not None else None
