"""What a question asks for: its words, and the kind of thing that would answer it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ragstone_plugins.extractive.words import NUMBER_WORDS, names, numbers, stem, stems, years


class Expected(StrEnum):
    """Kind of thing that answers a question, as its first words tell."""

    PERSON = "person"
    """A name or a role."""
    TIME = "time"
    PLACE = "place"
    NUMBER = "number"
    """How many, how much: a number, with or without a unit."""
    REASON = "reason"
    OTHER = "other"
    """Anything."""


_ASKS: tuple[tuple[Expected, re.Pattern[str]], ...] = tuple(
    (expected, re.compile(pattern, re.IGNORECASE))
    for expected, pattern in (
        (Expected.REASON, r"\b(?:why|how come|what (?:is|was|are|were) the (?:reason|cause)s?)\b"),
        (Expected.PERSON, r"\b(?:who|whom|whose)\b"),
        (
            Expected.NUMBER,
            (
                r"\bhow (?:many|much|long|far|old|tall|high|deep|fast|big|large|often|heavy|wide|early|late|soon|hot|cold)\b"
                r"|\b(?:what|which) (?:percent|percentage|number|amount|age|temperature|proportion|fraction)\b"
                r"|\bwhat (?:is|was|are|were|does|do|did)\b.{0,60}\b(?:percentage|price|prices|cost|costs|fee|fees|fare|fares|rate"
                r"|limit|fine|penalty|discount|salary|speed|height|length|depth|weight|width|distance|population|budget|income"
                r"|number of|maximum|minimum|pay)\b"
            ),
        ),
        (
            Expected.TIME,
            r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:year|date|day|month|decade|century|time)\b|\b(?:what|which) time\b",
        ),
        (
            Expected.PLACE,
            r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|country|place|state|region|town|island|port|street|room|river)\b",
        ),
    )
)

_ASKING = re.compile(
    r"\bhow (?:long|far|old|tall|high|deep|fast|big|large|often|heavy|wide|early|late|soon|hot|cold)\b"
    r"|\b(?:what|which) (?:percent|percentage|number|amount|age|year|date|day|month|decade|century|time|city|country|place"
    r"|kind|type|sort)\b",
    re.IGNORECASE,
)
"""Words that name the kind of the answer; the answer itself seldom repeats them."""
_NUMBER = re.compile(
    rf"\d+(?:[.,]\d+)*|\b(?:{'|'.join(NUMBER_WORDS)}|half|twice|once|hundreds?|thousands?|millions?|billions?)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:1\d{3}|20\d\d)s?\b|\b\d{1,2}[:.]\d\d\b|\b\d{1,2}(?:st|nd|rd|th)?\s+centur"
    r"|\b(?:jan|febr)uary\b|\b(?:march|april|may|june|july|august)\b|\b(?:septem|octo|novem|decem)ber\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:spring|summer|autumn|winter|midnight|noon|century|decades?)\b"
    r"|\b(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|several)\s+(?:seconds|minutes|hours?|days?|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|due to|since|owing to|so that|in order to|therefore|thus|as a result|caused?|reasons?|why|for fear"
    r"|to (?:avoid|prevent|ensure|reduce|increase|protect|make|keep|help|allow))\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\b(?:in|at|on|near|from|to|into|between|off|beside|under|around)\s+(?:the\s+)?[A-Z]")
_ROLE = re.compile(
    r"\b(?:manager|officer|director|head|master|captain|president|king|queen|minister|chair(?:man|woman)?|editor|author|team"
    r"|department|committee|board|council|office|staff|people|members?|employees|scientists?|engineers?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, taken apart once."""

    text: str
    words: tuple[str, ...]
    """Stems of the words that carry meaning, in order, each once."""
    names: frozenset[str]
    """Stems of capitalised words; the first word of the question is one only where it is no stop word."""
    numbers: frozenset[str]
    years: frozenset[str]
    """Those of the numbers that are years."""
    expected: Expected

    @classmethod
    def of(cls, text: str) -> "Question":
        """Take the text of a question apart."""
        expected = next((kind for kind, pattern in _ASKS if pattern.search(text)), Expected.OTHER)
        head, _, rest = text.strip().partition(" ")
        return cls(
            text=text,
            words=tuple(dict.fromkeys(stems(_ASKING.sub(" ", text)) or stems(text))),
            names=names(rest) if head.istitle() else names(text),
            numbers=numbers(text),
            years=years(text),
            expected=expected,
        )

    def answered_in_kind(self, text: str) -> bool:
        """Whether a sentence holds something of the expected kind that the question does not already say."""
        return _HOLDS[self.expected](self, text)


def _new_name(question: Question, text: str) -> bool:
    return not names(text[1:]).issubset(question.words)


def _new_time(question: Question, text: str) -> bool:
    found = [numbers(match[0]) for match in _TIME.finditer(text)]
    return any(not stated or not stated <= question.numbers for stated in found)


def _new_number(question: Question, text: str) -> bool:
    found = {stem(match[0]) for match in _NUMBER.finditer(text)}
    return not found - years(text) <= question.numbers


_HOLDS: dict[Expected, Callable[[Question, str], bool]] = {
    Expected.PERSON: lambda question, text: _new_name(question, text) or bool(_ROLE.search(text)),
    Expected.TIME: _new_time,
    Expected.PLACE: lambda question, text: _new_name(question, text) or bool(_PLACE.search(text)),
    Expected.NUMBER: _new_number,
    Expected.REASON: lambda question, text: bool(_REASON.search(text)),
    Expected.OTHER: lambda question, text: True,
}
