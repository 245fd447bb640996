"""What a sentence is made of, as far as support is concerned: words, numbers, names, negation."""

import re
import unicodedata
from dataclasses import dataclass

_WORD = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_NEGATIONS = frozenset(
    "no not none never nothing nobody neither nor cannot without lacks lack fails refuses nicht kein keine nie ohne".split()
)
_FUNCTION_WORDS = frozenset(
    """a an the and or but if of in on at by for from to with as is are was were be been being it its this that these those
    he she they them his her their there here which who whom whose what when where how than then so such also do does did
    has have had having will would can could may might must shall should into over under about after before between
    within during per each any all both more most other some only own same too very i you we us our your my""".split()
)
_ENDINGS = ("ations", "ation", "ingly", "edly", "ings", "ies", "ing", "ied", "ers", "es", "ed", "er", "ly", "s")
_SHORTEST_STEM = 4


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one sentence."""

    words: frozenset[str]
    """Content words, roughly stemmed, and numbers."""
    numbers: frozenset[str]
    names: frozenset[str]
    """Words with a capital that do not begin the sentence, folded and stemmed."""
    negated: bool


def parts_of(text: str) -> Parts:
    """Read a sentence."""
    words, numbers, names = set(), set(), set()
    negations = 0
    for place, match in enumerate(_WORD.finditer(unicodedata.normalize("NFKC", text))):
        word = match[0]
        folded = word.casefold().replace("’", "'")
        if word[0].isdigit():
            number = _number(word)
            numbers.add(number)
            words.add(number)
        elif folded in _NEGATIONS or folded.endswith("n't"):
            negations += 1
        elif folded not in _FUNCTION_WORDS:
            stem = _stem(folded.removesuffix("'s"))
            words.add(stem)
            if place and word[0].isupper():
                names.add(stem)
    return Parts(frozenset(words), frozenset(numbers), frozenset(names), negations % 2 == 1)


def _number(text: str) -> str:
    """`1,500` and `1500` are one number, `1.50` and `1.5` too; dates and times stay as they are."""
    if not re.fullmatch(r"\d{1,3}(?:,\d{3})*(?:\.\d+)?|\d+(?:\.\d+)?", text):
        return text
    whole, _, fraction = text.replace(",", "").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole.lstrip('0') or '0'}.{fraction}" if fraction else whole.lstrip("0") or "0"


def _stem(word: str) -> str:
    """The word without its ending, where enough of it is left to know it by."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word
