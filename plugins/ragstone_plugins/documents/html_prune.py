"""What of a page is not its content: navigation, banners, scripts, what is hidden."""

import re

from lxml.etree import _Element as Element

_NEVER = frozenset("script style noscript template nav aside dialog button select iframe svg".split())
_FURNITURE = frozenset({"header", "footer"})
_CONTENT = frozenset({"main", "article", "section"})
_ROLES = frozenset("navigation banner contentinfo search complementary dialog alertdialog menu menubar toolbar".split())
_NAMES = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|breadcrumbs?|navbar|sidebar|skip|skiplink|newsletter|advert(?:isement)?)(?:$|[\s_-])",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_MAIN_SHARE = 0.3
_MENU_ENTRIES = 20
_MENU_ENTRY_LETTERS = 25
_MENU_LINKED = 0.9


def prune(tree: Element) -> Element:
    """Take out what is not content, and return the element that holds the content: `main` where there is one.

    Where nothing would be left, everything stays: a page may well be made of what others use for navigation.
    """
    whole = tree.find(".//body")
    whole = tree if whole is None else whole
    letters = _letters(whole)
    doomed = [element for element in whole.iter() if element is not whole and _is_furniture(element, letters)]
    silent = [element for element in doomed if element.tag in _NEVER - {"nav", "aside", "dialog"}]
    if letters > sum(map(_letters, _outermost(doomed))):
        silent = doomed
    for element in silent:
        _remove(element)
    mains = [element for element in whole.iter() if element.tag == "main" or element.get("role") == "main"]
    if len(mains) == 1 and _letters(mains[0]) >= _MAIN_SHARE * _letters(whole):
        return mains[0]
    return whole


def _is_furniture(element: Element, letters: int) -> bool:
    """Whether an element of a page of so many letters is none of its content."""
    if element.tag in _NEVER or element.get("role") in _ROLES or element.get("hidden") is not None:
        return True
    if element.tag in _FURNITURE:
        # The header of an article is its title and byline; that of the page, its menu.
        return not any(above.tag in _CONTENT for above in element.iterancestors())
    if _HIDDEN.search(element.get("style") or "") or (element.tag == "ul" and _is_menu(element)):
        return True
    # Names are only a convention: `layout-with-sidebar` may be the whole page.
    named = any(_NAMES.search(element.get(name) or "") for name in ("class", "id"))
    return named and _letters(element) < _MAIN_SHARE * letters


def _is_menu(element: Element) -> bool:
    """Whether a list is long and made of short links, as a choice of languages is."""
    entries = len(element)
    if entries < _MENU_ENTRIES:
        return False
    letters = _letters(element)
    return letters < _MENU_ENTRY_LETTERS * entries and sum(map(_letters, element.iter("a"))) > _MENU_LINKED * letters


def _outermost(elements: list[Element]) -> list[Element]:
    chosen = set(elements)
    return [one for one in elements if not any(above in chosen for above in one.iterancestors())]


def _letters(element: Element) -> int:
    return sum(len(text.strip()) for text in element.itertext())


def _remove(element: Element) -> None:
    """Take an element out and leave the text behind it."""
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if before is None:
        parent.text = (parent.text or "") + (element.tail or "")
    else:
        before.tail = (before.tail or "") + (element.tail or "")
    parent.remove(element)
