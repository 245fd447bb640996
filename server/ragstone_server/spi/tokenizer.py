"""Tokens as the embedder counts them."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Tokenizer(Protocol):
    """Cuts a text into tokens; safe to call from several threads."""

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Character offsets (n, 2) of the n tokens of the text, in order, without special tokens, never truncated."""
        ...
