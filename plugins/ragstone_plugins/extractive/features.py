"""Numbers by which a sentence of the evidence is judged as an answer. None depends on how large the collection is."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.extractive.question import Question
from ragstone_plugins.extractive.words import has_negation, numbers, stems, years

LEXICAL = ("coverage", "coverage_near", "pairs", "numbers", "names", "kind_missed", "year_missed", "negation", "rank")
"""Columns of `describe`:

coverage: share of the question's words in the sentence, each weighted by its rarity among the sentences of the evidence;
coverage_near: the same with title, headings and the sentence before;
pairs: share of the question's neighbouring words that stand close together in the sentence;
numbers, names: share of the question's numbers and capitalised words in the sentence or near it, 1 where it has none;
kind_missed: 1 where the question asks for a person, a time, a number and so on, and the sentence holds none;
year_missed: 1 where the question names a year, which stands nowhere near, and the sentence names another;
negation: 1 where one of the two is negated and the other not;
rank: 0 for the first passage, 1 for the fifth and all after it.
"""
COSINE = "cosine"
FEATURES = (*LEXICAL, COSINE)

_CLOSE = 3
_LAST_RANK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that may be quoted."""

    text: str
    """As it is quoted."""
    near: str
    """Title, headings and the sentence before it."""
    number: int
    """Of its passage."""
    rank: int
    """Of its passage, counted from 0."""


def describe(question: Question, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """Features (n, 9) of the n candidates in the order of `LEXICAL`."""
    asked = frozenset(question.words)
    bags = [stems(candidate.text) for candidate in candidates]
    rarity = _rarity(asked, bags)
    near = {text: asked.intersection(stems(text)) for text in {candidate.near for candidate in candidates}}
    rows = [
        _row(question, candidate, bag, near[candidate.near], rarity)
        for candidate, bag in zip(candidates, bags, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(LEXICAL))


def _row(
    question: Question, candidate: Candidate, bag: list[str], near: frozenset[str], rarity: Mapping[str, float]
) -> list[float]:
    here = frozenset(rarity).intersection(bag)
    reach = here | near
    stated = reach | numbers(candidate.text) | numbers(candidate.near)
    return [
        _weighted(here, rarity),
        _weighted(reach, rarity),
        _pairs(question.words, bag),
        _share(question.numbers, stated),
        _share(question.names, reach),
        float(not question.answered_in_kind(candidate.text)),
        float(not question.years <= stated and bool(years(candidate.text) - question.years)),
        float(has_negation(question.text) != has_negation(candidate.text)),
        min(candidate.rank, _LAST_RANK) / _LAST_RANK,
    ]


def _rarity(asked: frozenset[str], bags: Sequence[list[str]]) -> dict[str, float]:
    """Weight of each word of the question: BM25's inverse document frequency over the sentences, and a half for being there."""
    counts = Counter(word for bag in bags for word in asked.intersection(bag))
    return {word: 0.5 + math.log(1 + (len(bags) - counts[word] + 0.5) / (counts[word] + 0.5)) for word in sorted(asked)}


def _weighted(words: frozenset[str], rarity: Mapping[str, float]) -> float:
    total = sum(rarity.values())
    return sum(weight for word, weight in rarity.items() if word in words) / total if total else 0.0


def _share(wanted: frozenset[str], there: frozenset[str]) -> float:
    return len(wanted & there) / len(wanted) if wanted else 1.0


def _pairs(words: Sequence[str], bag: Sequence[str]) -> float:
    pairs = set(pairwise(words))
    close = {pair for gap in range(1, _CLOSE + 1) for pair in zip(bag, bag[gap:], strict=False)}
    return len(pairs & close) / len(pairs) if pairs else 0.0
