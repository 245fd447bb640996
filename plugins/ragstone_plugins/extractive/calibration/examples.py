"""Questions with the features of their evidence, in the three situations that the generator meets."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.extractive.calibration.data import Case, QuestionSet
from ragstone_plugins.extractive.calibration.retrieval import Retriever
from ragstone_plugins.extractive.features import describe
from ragstone_plugins.extractive.question import Question
from ragstone_plugins.extractive.reading import Source, read
from ragstone_plugins.extractive.units import units

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to vectors of length 1, (n, d)."""

_EVIDENCE = 5


class Situation(StrEnum):
    """What the evidence has to do with the question."""

    ANSWERABLE = "answerable"
    """It holds the answer."""
    UNANSWERABLE = "unanswerable"
    """It is about the very thing, and the question was written so that it does not answer it."""
    ABSENT = "absent"
    """An answerable question over a collection that lacks its paragraph; no accepted answer stands in the evidence."""
    MISSED = "missed"
    """Answerable, but the paragraph was not retrieved: neither a success nor a failure of the generator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One question with its evidence."""

    question: str
    situation: Situation
    group: str
    texts: tuple[str, ...]
    """Of the n candidates."""
    passages: tuple[int, ...]
    """Numbers of their passages."""
    lexical: NDArray[np.float64]
    """`describe` of them."""
    cosine: NDArray[np.float64]
    """(n,) of question and candidate."""
    holds: NDArray[np.bool_]
    """(n,) whether the candidate holds an accepted answer."""


def examples(questions: QuestionSet, embed: Embed) -> Iterator[Example]:
    """Every case over the evidence that all paragraphs of the set give, and every answerable one without its paragraph."""
    rendered = [f"{paragraph.title}\n{paragraph.text}" for paragraph in questions.paragraphs]
    sentences = list(dict.fromkeys(unit.text for paragraph in questions.paragraphs for unit in units(paragraph.text)))
    vectors = dict(zip(sentences, embed(sentences), strict=True))
    asked = embed([case.question for case in questions.cases])
    retriever = Retriever(rendered, embed(rendered))
    for case, vector in zip(questions.cases, asked, strict=True):
        found = retriever.search(case.question, vector, _EVIDENCE)
        situation = Situation.UNANSWERABLE
        if case.answers:
            situation = Situation.ANSWERABLE if case.paragraph in found else Situation.MISSED
        yield _example(questions, case, found, situation, vector, vectors)
        if case.answers:
            found = retriever.search(case.question, vector, _EVIDENCE, without=case.paragraph)
            evidence = " ".join(questions.paragraphs[index].text for index in found)
            if not any(answer in evidence for answer in case.answers):
                yield _example(questions, case, found, Situation.ABSENT, vector, vectors)


def _example(
    questions: QuestionSet,
    case: Case,
    found: Sequence[int],
    situation: Situation,
    vector: NDArray[np.float32],
    vectors: dict[str, NDArray[np.float32]],
) -> Example:
    paragraphs = [questions.paragraphs[index] for index in found]
    question = Question.of(case.question)
    sources = [
        Source(number=number, title=paragraph.title, headings=(), text=paragraph.text)
        for number, paragraph in enumerate(paragraphs, 1)
    ]
    candidates = read(question, sources)
    here = found.index(case.paragraph) + 1 if situation is Situation.ANSWERABLE else 0
    return Example(
        question=case.question,
        situation=situation,
        group=case.group,
        texts=tuple(candidate.text for candidate in candidates),
        passages=tuple(candidate.number for candidate in candidates),
        lexical=describe(question, candidates),
        cosine=np.array([vectors[candidate.text] @ vector for candidate in candidates], dtype=np.float64),
        holds=np.array(
            [
                candidate.number == here
                and any(answer in candidate.text or candidate.text in answer for answer in case.answers)
                for candidate in candidates
            ]
        ),
    )
