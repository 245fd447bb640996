"""Sentences of a plain text."""

import re
from collections.abc import Iterator

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
