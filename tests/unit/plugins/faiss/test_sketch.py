"""Searches of which a part of the rows passes, by the sketch of a large segment."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.part import Columns, Part
from ragstone_plugins.faiss.sketch import sketched
from ragstone_server.spi.pacing import at_once
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.visibility import Attributes, Visibility

ROWS, DIMENSION, LIMIT = 30_000, 128, 10
OPEN, SHUT = (Attributes(metadata={}, readers=readers) for readers in (frozenset({"user:ann"}), frozenset({"user:bo"})))
ANN = Visibility(principals=frozenset({"user:ann"}), default_readable=False, filter=None)


def clustered(rng: np.random.Generator, rows: int) -> NDArray[np.float16]:
    """Of few directions, as texts are."""
    basis = rng.standard_normal((16, DIMENSION))
    vectors = rng.standard_normal((rows, 16)) @ basis + 0.5 * rng.standard_normal((rows, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def part_of(vectors: NDArray[np.float16], open_rows: NDArray[np.bool_]) -> Part:
    groups = RowGroups()
    numbers = np.where(open_rows, groups.number(OPEN), groups.number(SHUT)).astype(np.int32)
    keys = np.arange(len(vectors), dtype=np.int64)
    columns = Columns(vectors=vectors, keys=keys, documents=keys, numbers=numbers, groups=groups)
    part = Part.over(columns, bits.full(len(vectors)), by_document=True)
    return Part(
        columns=columns,
        alive=part.alive,
        index=part.index,
        by_document=True,
        sketch=at_once(sketched(vectors, part.index)),
    )


def recall(part: Part, questions: NDArray[np.float16], open_rows: NDArray[np.bool_]) -> float:
    found = 0
    for question in questions.astype(np.float32):
        scores = part.columns.vectors.astype(np.float32) @ question
        scores[~open_rows] = -2
        exact = set(np.argsort(-scores)[:LIMIT].tolist())
        rows = part.nearest(question.reshape(1, -1), ANN, LIMIT)[1].tolist()
        assert len(rows) == LIMIT
        assert open_rows[rows].all()
        found += len(exact & set(rows))
    return found / (LIMIT * len(questions))


@pytest.fixture
def exact_scans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each time that everything which passes was scanned."""
    scans: list[int] = []
    selected = Part._selected

    def counted(part: Part, *arguments: Any) -> Any:
        scans.append(1)
        return selected(part, *arguments)

    monkeypatch.setattr(Part, "_selected", counted)
    return scans


@pytest.mark.parametrize("share", [0.06, 0.2, 0.5, 0.7])
def test_the_best_that_pass_are_found_without_scanning_all_of_them(share: float, exact_scans: list[int]) -> None:
    rng = np.random.default_rng(1)
    vectors, open_rows = clustered(rng, ROWS), rng.random(ROWS) < share
    part = part_of(vectors, open_rows)
    assert recall(part, vectors[rng.integers(0, ROWS, 50)], open_rows) >= 0.98
    assert len(exact_scans) <= 5


def test_a_filter_that_goes_against_the_question_is_scanned_exactly(exact_scans: list[int]) -> None:
    """None of the sketch's candidates passes: what does is far from the question."""
    rng = np.random.default_rng(2)
    vectors = clustered(rng, ROWS)
    question = vectors[0].astype(np.float32)
    scores = vectors.astype(np.float32) @ question
    open_rows = scores < np.quantile(scores, 0.2)
    part = part_of(vectors, open_rows)
    assert recall(part, vectors[:1], open_rows) == 1.0
    assert exact_scans == [1]
