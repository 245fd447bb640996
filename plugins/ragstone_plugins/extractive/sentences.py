"""Plain text of Markdown, and its sentences."""

import re
from collections.abc import Iterator

# What the pipeline reads as a citation: one number, or several, or a range of them. `[1.5, 2]` is none.
_NUMBERS = r"\^?\d+(?: ?[-\u2010-\u2015\u2212] ?\^?\d+)?"
_GROUP = rf"{_NUMBERS}(?: ?[,;\uff0c\u3001] ?{_NUMBERS})*"
_MARKER = re.compile(rf"( ?)\[({_GROUP})\]")
_FOOTNOTE_DIGITS = 3

# Every repetition has a limit, so that no text takes more than linear time.
_TARGET = r"\([^()\s]{0,1000}(?:\([^()\s]{0,200}\))?[^()\s]{0,200}(?:\s+\"[^\"]{0,300}\")?\)"
_IMAGE = re.compile(rf"!\[[^\[\]]{{0,300}}\]{_TARGET}")
_LINK = re.compile(
    rf"\[([^\[\]]{{1,300}})\]{_TARGET}|\[(?!{_GROUP}\]\[{_GROUP}\])([^\[\]]{{1,300}})\]\[[^\[\]]{{0,100}}\]"
)
"""With its target, or with a reference to it; `[3][4]` are two footnotes."""
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>|<!--.{0,1000}?-->", re.DOTALL)
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,1000})>")
_CODE = re.compile(r"(`{1,3})([^`]{1,500})\1")
_STRONG = re.compile(
    r"(?<![\w*])(\*{1,3})(?=\S)(.{1,300}?)(?<=\S)\1(?![\w*])|(?<!\w)(_{1,3})(?=\S)(.{1,300}?)(?<=\S)\3(?!\w)", re.DOTALL
)
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])")

_END = re.compile(r"[.!?…]{1,8}[\"'”’)\]]{0,4}(?=\s)|[。！？]{1,8}[”」』）]{0,4}")
_NEXT = re.compile(r"\s*(\S?)")
_ABBREVIATIONS = frozenset(
    """al approx ca cf co corp dr ed eds e.g eq etc gen gov i.e inc jr lt ltd mr mrs ms mt op prof rev sen sgt sr st tel viz
    vs u.s u.k""".split()
)
_BEFORE_NUMBERS = frozenset(
    "art ch fig figs no nos p pp sec v vol jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_LONGEST_WORD = 40
_LAST_WORD = re.compile(r"(?:^|[\s(\[\"'“‘])([\w.]+)\.$")


def plain(markdown: str) -> str:
    """The text as a reader sees it: no marks of emphasis, links, code or tags, single spaces.

    The source's own footnotes, `[3]` or `[3, 4]`, go too: in an answer they would read as citations. For the same reason other
    numbers in square brackets, such as `[2024]`, come in round ones.
    """
    text = _AUTOLINK.sub(r"\1", _IMAGE.sub(" ", markdown))
    text = _LINK.sub(r"\1\2", _TAG.sub(" ", text))
    text = _CODE.sub(r"\2", text)
    for _ in range(2):
        text = _STRONG.sub(lambda match: match[2] or match[4], text)
    text = " ".join(_ESCAPE.sub(r"\1", text).split())
    return _MARKER.sub(_without_footnotes, text).strip()


def unmarked(text: str) -> str:
    """The text with a space in each bracket that would still read as a citation, such as an index in code."""
    return _MARKER.sub(r"\1[ \2]", text)


def _without_footnotes(marker: re.Match[str]) -> str:
    numbers = re.findall(r"\d+", marker[2])
    footnotes = all(len(number) <= _FOOTNOTE_DIGITS and int(number) for number in numbers)
    return "" if footnotes else f"{marker[1]}({marker[2]})"


def split_sentences(text: str) -> Iterator[str]:
    """Sentences of a plain text, in order; joined by spaces they are the text."""
    begin = 0
    for match in _END.finditer(text):
        following = _NEXT.match(text, match.end())
        assert following is not None
        stop = match.start() + 1
        if match[0][0] == "." and not _ends_sentence(text[max(begin, stop - _LONGEST_WORD) : stop], following[1]):
            continue
        if sentence := text[begin : match.end()].strip():
            yield sentence
        begin = match.end()
    if rest := text[begin:].strip():
        yield rest


def _ends_sentence(before: str, following: str) -> bool:
    """Whether the full stop that closes `before` ends a sentence, seen by the character that comes next."""
    if not following or following.islower():
        return not following
    match = _LAST_WORD.search(before)
    if match is None:
        return True
    word = match[1].casefold()
    initial = len(word) == 1 and match[1].isupper()
    ordinal = word.isdigit() and before == match[0]
    counted = word in _BEFORE_NUMBERS and following.isdigit()
    return not (initial or ordinal or counted or word in _ABBREVIATIONS)
