"""Evidence for a question from all paragraphs of its set, as a collection would give it: vectors and BM25, fused."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.extractive.words import stems

_K1, _B = 1.2, 0.75
_DENSE_SHARE = 0.7


class Retriever:
    """Hybrid search: 0.7 of the cosine and 0.3 of BM25, each normalised to 0..1 over the set."""

    def __init__(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        bags = [Counter(stems(text)) for text in texts]
        lengths = np.array([bag.total() for bag in bags], dtype=np.float64)
        norm = _K1 * (1 - _B + _B * lengths / lengths.mean())
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for index, bag in enumerate(bags):
            for word, count in bag.items():
                self._postings[word].append((index, count * (_K1 + 1) / (count + float(norm[index]))))

    def search(self, question: str, vector: NDArray[np.float32], limit: int, without: int | None = None) -> list[int]:
        """Indices of the best paragraphs, best first; `without` is left out as if the set did not hold it."""
        dense = (self._vectors @ vector).astype(np.float64)
        lexical = np.zeros(len(dense))
        for word in set(stems(question)):
            postings = self._postings.get(word, ())
            rarity = math.log(1 + (len(dense) - len(postings) + 0.5) / (len(postings) + 0.5))
            for index, score in postings:
                lexical[index] += rarity * score
        fused = _DENSE_SHARE * _unit_range(dense) + (1 - _DENSE_SHARE) * _unit_range(lexical)
        if without is not None:
            fused[without] = -1.0
        return [int(index) for index in np.argsort(-fused, kind="stable")[:limit]]


def _unit_range(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)
