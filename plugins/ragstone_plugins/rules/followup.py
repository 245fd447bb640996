"""Whether a question leans on what was said before, and what it needs of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragstone_plugins.rules.politeness import without_politeness
from ragstone_plugins.rules.words import Word, words
from ragstone_server.spi.turns import Role, Turn

_JUDGED = "(?:possible|necessary|allowed|permitted|required|legal|ok|okay|true|safe|better|worth|important)"
_DUMMY_IT = re.compile(
    rf"\b(?:is|was|will|would|be) it (?:be )?{_JUDGED}\b|\bit(?:'s| is| was) {_JUDGED}\b", re.IGNORECASE
)
"""`Is it possible ...`: an `it` that stands for nothing."""
_BACK = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|she|him|her|his|hers|these|those|the same|such"
    r"|the (?:former|latter|other|others)|(?:another|which|that|this|first|second|last|other) ones?|ones)\b"
    r"|\bthis\b(?! (?:year|month|week|summer|winter|spring|autumn|season|morning|afternoon|evening|quarter)\b)"
    # Elsewhere `that` begins a clause: a ferry that carries cars.
    r"|(?:^|\b(?:about|of|for|to|with|from|like|after|before|than|on|in|by|is|was|does|do|did|has|can|and|why|how|what's)\s+)"
    r"that\b"
    r"|\b(?:get|go|do|done|happens?|from|over|in|up|down|work|works) there\b",
    re.IGNORECASE,
)
"""Words that point back."""
_GOES_ON = re.compile(
    r"(?:and|but|or|also|what about|how about|what if|same for|why not|why so|since when|until when|how so|how come|for|with"
    r"|without|then)\b"
    r"|(?:how [^\W\d_]+|(?:when|where|which|who|what) exactly|by (?:when|whom)|in what way)\W*$",
    re.IGNORECASE,
)
_MUCH = 2000
"""Characters of a turn that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaning:
    """How a question leans on the turns before."""

    points_back: bool
    """By a pronoun that nothing in the question explains."""
    goes_on: bool
    """By what it leaves out: `And for bicycles?`, `Why?`"""
    has_names: bool

    def __bool__(self) -> bool:
        return self.points_back or self.goes_on

    @property
    def replaces_names(self) -> bool:
        """`And MV Dunlin?` asks the same of another; `Does it sail to Nordvik?` needs to know what sails."""
        return self.goes_on and not self.points_back and self.has_names


def leaning(question: str) -> Leaning:
    """How this question, without politeness, leans on earlier ones."""
    # What stands for nothing is blanked out, so that places stay.
    back = _BACK.search(_DUMMY_IT.sub(lambda match: " " * len(match[0]), question))
    names = [word for word in words(question) if word.is_named]
    return Leaning(
        points_back=back is not None and not any(name.start < back.start() for name in names),
        goes_on=_GOES_ON.match(question) is not None or not any(word.has_meaning for word in words(question)),
        has_names=bool(names),
    )


def terms(question: str, turns: Sequence[Turn], limit: int) -> list[str]:
    """Up to `limit` words of the turns that the question leaves unsaid, those of the last question first."""
    lean = leaning(question)
    if not lean:
        return []
    taken = {word.key for word in words(question)}
    found: list[str] = []
    for word in _candidates(turns, names=not lean.replaces_names):
        if word.key not in taken:
            taken.add(word.key)
            found.append(word.text)
    return found[:limit]


def _candidates(turns: Sequence[Turn], *, names: bool) -> Iterator[Word]:
    """Words of the last question, of those before as long as they lean too, then the names of the last answer."""
    names_of_answer = names
    for turn in reversed(turns):
        if turn.role is Role.USER:
            question = without_politeness(turn.text[:_MUCH])
            yield from (word for word in words(question) if word.has_meaning and (names or not word.is_named))
            lean = leaning(question)
            if not lean:
                break
            names = names and not lean.replaces_names
    if names_of_answer:
        answer = next((turn.text[:_MUCH] for turn in reversed(turns) if turn.role is Role.ASSISTANT), "")
        yield from _names(answer)


def _names(text: str) -> Iterator[Word]:
    """Names, each with the number behind it, as in `Route 3`; not the other numbers."""
    end = -2
    for word in words(text):
        if word.is_named and (any(c.isalpha() for c in word.text) or word.start == end + 1):
            yield word
            end = word.start + len(word.text)
