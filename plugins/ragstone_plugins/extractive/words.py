"""Words of a text, as questions and sentences are compared by them: case-folded, without inflection, numbers normalised."""

import re
from functools import lru_cache

WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")

STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be been before being between both but by can could did do does doing
    during each for from had has have he her here him his how i if in into is it its itself just kind many me might more most
    much must my no nor not of on only or other our out over own please same shall she should so some such tell than that the
    their them then there these they this those to too type under until up us very was we were what when where which while
    who whom whose why will with within would you your""".split()
)

NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen twenty".split()
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}

_YEAR = re.compile(r"(?:1\d|20)\d\d")
_NEGATIONS = frozenset("no not never none nobody nothing neither nor without cannot".split())

_SUFFIXES = (
    ("ies", "y", 5),
    ("ied", "y", 5),
    ("ing", "", 6),
    ("ed", "", 5),
    ("ly", "", 6),
    ("ment", "", 7),
    ("ion", "", 7),
)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The word without its commonest English endings; a number without separators of thousands, a number word in digits.

    Cruder than Porter's: both sides of a comparison go through it, so all that counts is that inflected forms fall together.
    """
    word = word.casefold().replace("’", "'")
    if word[0].isdigit():
        return re.sub(r",(?=\d{3}(?:\D|$))", "", word)
    word = word.removesuffix("'s")
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word]
    for suffix, replacement, length in _SUFFIXES:
        if len(word) >= length and word.endswith(suffix):
            word = word[: -len(suffix)] + replacement
            break
    else:
        if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):
            word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] in "ey" else word


def stems(text: str) -> list[str]:
    """Stems of all words that carry meaning, in order."""
    return [stem(word) for word in WORD.findall(text) if word.casefold() not in STOP_WORDS]


def numbers(text: str) -> frozenset[str]:
    """Numbers in the text, in digits, whether written in digits or in words."""
    found = (stem(word) for word in WORD.findall(text) if word[0].isdigit() or word.casefold() in NUMBER_WORDS)
    return frozenset(found)


def years(text: str) -> frozenset[str]:
    """Years in the text, from 1000 to 2099."""
    return frozenset(number for number in numbers(text) if _YEAR.fullmatch(number))


def names(text: str) -> frozenset[str]:
    """Stems of capitalised words that are no stop words: names, mostly."""
    found = (word for word in WORD.findall(text) if word[0].isupper() and word.casefold() not in STOP_WORDS)
    return frozenset(stem(word) for word in found)


def has_negation(text: str) -> bool:
    """Whether the text denies something."""
    words = (word.casefold().replace("’", "'") for word in WORD.findall(text))
    return any(word in _NEGATIONS or word.endswith("n't") for word in words)
