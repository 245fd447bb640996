"""A tokenizer of whole words."""

import re
from itertools import chain

import numpy as np
from numpy.typing import NDArray

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]")
"""A Chinese, Japanese or Korean character, a word, or a mark."""


class MemoryTokenizer:
    """Fits `spi.tokenizer.Tokenizer`: a token is a word, a mark, or a character of a script that has no spaces."""

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Character offsets (n, 2) of the n tokens."""
        spans = [match.span() for match in _TOKEN.finditer(text)]
        return np.fromiter(chain.from_iterable(spans), np.int32, 2 * len(spans)).reshape(-1, 2)
