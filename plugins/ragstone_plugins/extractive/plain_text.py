"""Plain text of Markdown."""

import re

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
