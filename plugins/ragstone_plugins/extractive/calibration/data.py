"""Question sets with questions that their paragraphs do not answer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One paragraph of the set; the whole of a passage."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question over the paragraphs of its set."""

    question: str
    paragraph: int
    """Index of the paragraph about which it was asked."""
    answers: tuple[str, ...]
    """Accepted answers, word for word in the paragraph; none: the set holds no answer."""
    group: str
    """Article: a group never lies in two parts of a split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSet:
    """Paragraphs and the questions about them."""

    paragraphs: tuple[Paragraph, ...]
    cases: tuple[Case, ...]


def load_squad(path: Path) -> QuestionSet:
    """Read a file in the official JSON format of SQuAD 2."""
    paragraphs: list[Paragraph] = []
    cases: list[Case] = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                answers = (
                    () if asked["is_impossible"] else tuple(sorted({answer["text"] for answer in asked["answers"]}))
                )
                cases.append(
                    Case(
                        question=asked["question"].strip(),
                        paragraph=len(paragraphs),
                        answers=answers,
                        group=article["title"],
                    )
                )
            title = article["title"].replace("_", " ")
            paragraphs.append(Paragraph(title=title, text=paragraph["context"]))
    return QuestionSet(paragraphs=tuple(paragraphs), cases=tuple(cases))


def load_clapnq(answerable: Path, unanswerable: Path) -> QuestionSet:
    """Read the two files of CLAPNQ; the accepted answers are the sentences that its annotators selected."""
    paragraphs: list[Paragraph] = []
    cases: list[Case] = []
    for record in (*_lines(answerable), *_lines(unanswerable)):
        passage = record["passages"][0]
        answers = tuple(
            sentence for output in record["output"] for sentence in output.get("selected_sentences", ()) if sentence
        )
        cases.append(Case(question=record["input"], paragraph=len(paragraphs), answers=answers, group=passage["title"]))
        paragraphs.append(Paragraph(title=passage["title"], text=passage["text"]))
    return QuestionSet(paragraphs=tuple(paragraphs), cases=tuple(cases))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
