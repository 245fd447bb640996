"""Lengths of parts of a text in tokens, from one pass of the tokenizer over the whole."""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.tokenizer import Tokenizer

_STRIDE = 16
"""Characters that count as a token where the tokenizer sees fewer.

No vocabulary has many longer ones; what is longer is a run that it does not know (base64, a script without spaces), which is one
unknown token of any length, or white space, which is none. Without this such a chunk had no limit.
"""


class Measure:
    """Counts atoms: tokens, and strides of what is longer than one. A range never holds more tokens than atoms."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        tokens = tokenizer.offsets(text)[:, 0].astype(np.int64)
        self._tokens: list[int] = tokens.tolist()
        self._atoms: list[int] = _with_strides(tokens, len(text)).tolist()

    def tokens(self, start: int, end: int) -> int:
        """Tokens that begin in the range."""
        return bisect_left(self._tokens, end) - bisect_left(self._tokens, start)

    def atoms(self, start: int, end: int) -> int:
        """Atoms that begin in the range."""
        return bisect_left(self._atoms, end) - bisect_left(self._atoms, start)

    def after(self, start: int, atoms: int) -> int:
        """Where the range that begins at `start` and holds this many atoms ends; beyond `start` in any case."""
        index = bisect_left(self._atoms, start) + atoms
        while index < len(self._atoms) and self._atoms[index] <= start:
            index += 1
        return self._atoms[index] if index < len(self._atoms) else max(start + 1, self._atoms[-1] + 1)

    def before(self, end: int, atoms: int) -> int:
        """Where the range that ends at `end` and holds this many atoms begins."""
        index = max(0, bisect_left(self._atoms, end) - atoms)
        return min(end, self._atoms[index]) if self._atoms else end


def _with_strides(starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """The starts, and more of them wherever two are two strides or more apart."""
    edges = np.concatenate(([0], starts, [length]))
    gaps = np.diff(edges)
    extra = [
        np.arange(edges[i] + _STRIDE, edges[i + 1] - _STRIDE + 1, _STRIDE) for i in np.flatnonzero(gaps >= 2 * _STRIDE)
    ]
    return np.sort(np.concatenate([starts, *extra])).astype(np.int64)
