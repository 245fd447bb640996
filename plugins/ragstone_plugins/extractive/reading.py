"""From numbered passages to what may be quoted of them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragstone_plugins.extractive.features import Candidate
from ragstone_plugins.extractive.question import Question
from ragstone_plugins.extractive.tables import Row
from ragstone_plugins.extractive.units import units

_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_ASKS_FOR_CODE = re.compile(
    r"\b(?:code|commands?|snippets?|scripts?|syntax|examples?|config(?:uration)?|json|yaml|sql|shell)\b", re.IGNORECASE
)
_MAX_CANDIDATES = 400
_MAX_LENGTH = 1000
"""Characters; what is longer is no sentence but a text whose sentences cannot be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A passage, best first in a sequence of them."""

    number: int
    title: str
    headings: tuple[str, ...]
    text: str


def read(question: Question, sources: Sequence[Source]) -> list[Candidate]:
    """What may be quoted, the best passage's first, each text once; rows of tables show the columns that are asked for.

    A passage of an older edition (the same title with an earlier year) ranks last, unless the question names its year.
    """
    old = _old_editions(question, [source.title for source in sources])
    code = bool(_ASKS_FOR_CODE.search(question.text))
    found: dict[str, Candidate] = {}
    for rank, source in sorted(enumerate(sources), key=lambda item: (item[1].title in old, item[0])):
        above = " ".join((source.title, *source.headings))
        for unit in units(source.text, code=code):
            if len(unit.text) <= _MAX_LENGTH and any(map(str.isalnum, unit.text)):
                text = _asked_for(question, unit.row) if unit.row else unit.text
                place = len(sources) if source.title in old else rank
                near = f"{above} {unit.context}"
                found.setdefault(text, Candidate(text=text, near=near, number=source.number, rank=place))
    return list(found.values())[:_MAX_CANDIDATES]


def _asked_for(question: Question, row: Row) -> str:
    """The row with the columns that the question asks for, or the whole row where those hold nothing of the expected kind."""
    part, whole = row.render(frozenset(question.words)), row.render()
    return whole if question.answered_in_kind(whole) and not question.answered_in_kind(part) else part


def _old_editions(question: Question, titles: Iterable[str]) -> frozenset[str]:
    """Titles of which there is a later edition among them, and whose year the question does not name."""
    editions: dict[str, dict[str, str]] = {}
    for title in titles:
        years = _YEAR.findall(title)
        if years:
            editions.setdefault(_YEAR.sub("", title), {})[title] = max(years)
    return frozenset(
        title
        for same in editions.values()
        for title, year in same.items()
        if year < max(same.values()) and year not in question.numbers
    )
