"""Where sentences end, in the scripts that mark it."""

import re
from collections.abc import Iterator

_CLOSING = "\"'”’»)\\]"
_END = re.compile(
    rf"[.!?…؟]+[{_CLOSING}]*(?=\s)"  # needs white space after it: 3.5, e.g., https://a.b
    r"|[。！？｡]+[”」』）]*"  # stands without any
    r"|[।॥።។။]+"
    r"|\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t])"  # an item of a list begins
    r"|\n(?=[ \t]*\|)"
    r"|\n(?=[ \t]*\n)"
)
_ABBREVIATIONS = frozenset(
    "al approx art bzgl bzw ca cf ch co corp dr ed eds etc evtl fig figs gen gov hrsg inc inkl jr lt ltd m mme mr mrs ms "
    "mt nr op p pp prof rev resp sec sen sgt sr sra st str tel usw v vgl vol vs jan feb mar apr jun jul aug sep sept oct "
    "nov dec".split()
)
_BEFORE_NUMBER = frozenset({"no", "nos", "art", "sec", "para", "vol", "fig", "p", "pp", "nr"})
"""Abbreviations only before a number: `no.` is a word too."""
_LAST_WORD = re.compile(r"([^\W_](?:[\w.]*[^\W_])?)\.$")
_REACH = 24


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets in `text`, ascending, at which a sentence of `text[start:end]` ends before `end`."""
    for match in _END.finditer(text, start, end):
        if match.end() < end and (match[0][0] != "." or _is_full_stop(text, match.start(), match.end(), end)):
            yield match.end()


def _is_full_stop(text: str, dot: int, after: int, end: int) -> bool:
    """Whether the point at `dot` ends a sentence: not after an abbreviation, an initial or before a small letter."""
    following = text[after : min(end, after + _REACH)].lstrip()
    if following[:1].islower():
        return False
    word = _LAST_WORD.search(text[max(0, dot - _REACH) : dot + 1])
    if word is None:
        return True
    last = word[1].casefold()
    if last in _BEFORE_NUMBER and following[:1].isdigit():
        return False
    is_initial = len(last) == 1 and last.isalpha() and word[1].isupper()
    is_item = (
        last.isdigit() and not text[max(0, dot - len(last) - _REACH) : dot - len(last)].rpartition("\n")[2].strip()
    )
    return not (is_initial or is_item or last in _ABBREVIATIONS or _is_dotted(last))


def _is_dotted(word: str) -> bool:
    """As `e.g` and `u.s`."""
    return "." in word and all(len(part) == 1 for part in word.split("."))
