"""Embedder: texts become vectors."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.tokenizer import Tokenizer


class Purpose(StrEnum):
    """What the vectors are for; some models embed the two differently, and questions have threads kept free for them."""

    QUESTION = "question"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """Texts to embed."""

    texts: tuple[str, ...]
    purpose: Purpose


class Embedder(Protocol):
    """A `Stage[EmbedRequest, float32 (n, dimension)]` with facts about its vectors.

    Row i belongs to text i and has length 1 (L2). No texts give (0, dimension). A text longer than `max_tokens` is
    truncated; an empty one has a vector too. The same text gives the same vector, whatever stands beside it, to within
    1e-2 in cosine (quantised models see their batch). A failure of the model raises `StageFailed`.
    """

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that count, special tokens aside."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """How it cuts a text."""
        ...

    @property
    def fingerprint(self) -> str:
        """Vectors are comparable only where this is equal."""
        ...

    async def __call__(self, request: EmbedRequest, /) -> NDArray[np.float32]:
        """Embed the texts of the request."""
        ...
