"""Which of the ranked sentences make the answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.extractive.words import numbers, stems


def select(logits: NDArray[np.float64], same: NDArray[np.bool_], ratio: float, limit: int) -> list[int]:
    """Rows of the sentences to quote, best first, `limit` at most: the best, and those nearly as likely to hold the answer.

    `logits` (n,) are log-odds; a further sentence needs at least `ratio` of the best one's probability. Of sentences that make
    the same statement, by the matrix `same` (n, n), only the first is taken: where two documents contradict each other, the
    passage of better rank speaks.
    """
    chosen: list[int] = []
    least = logits.max(initial=-np.inf) + np.log(ratio)
    for row in map(int, np.argsort(-logits, kind="stable")):
        if logits[row] < least or len(chosen) == limit:
            break
        if not any(same[row, other] for other in chosen):
            chosen.append(row)
    return chosen


def same_statement(
    texts: Sequence[str], passages: Sequence[int], vectors: NDArray[np.float32] | None, cosine: float, words: float
) -> NDArray[np.bool_]:
    """Matrix (n, n): whether two texts of different passages say the same, up to the numbers in them.

    Within one passage they do not, however alike they look: nobody writes a thing twice in a row, but many write a rule and its
    exception, or the rows of a table.
    """
    alike = word_overlap(texts) >= words
    if vectors is not None:
        alike |= vectors @ vectors.T >= cosine
    of = np.asarray(passages)
    return np.asarray(alike & (of[:, None] != of[None, :]), dtype=np.bool_)


def word_overlap(texts: Sequence[str]) -> NDArray[np.float64]:
    """Matrix (n, n): words in common, as a share of the words of both (Jaccard); numbers do not count."""
    bags = [frozenset(stems(text)) - numbers(text) for text in texts]
    overlap = [_jaccard(one, other) for one in bags for other in bags]
    return np.array(overlap, dtype=np.float64).reshape(len(bags), len(bags))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0
