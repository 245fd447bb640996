"""An embedder without a model: texts with the same words are near each other."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.embedder import EmbedRequest
from ragstone_server.testing.memory.tokenizer import MemoryTokenizer


class MemoryEmbedder:
    """Fits `spi.embedder.Embedder`: each word, in small letters, is a random direction that follows from its spelling."""

    def __init__(self, dimension: int = 64, max_tokens: int = 256) -> None:
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.tokenizer = MemoryTokenizer()
        self.fingerprint = f"memory-{dimension}-{max_tokens}"
        self.requests: list[EmbedRequest] = []
        """What was asked, for tests that count."""

    async def __call__(self, request: EmbedRequest, /) -> NDArray[np.float32]:
        """Embed the texts of the request."""
        self.requests.append(request)
        vectors = np.zeros((len(request.texts), self.dimension), np.float32)
        for row, text in enumerate(request.texts):
            vectors[row] = self._vector(text)
        return vectors

    def _vector(self, text: str) -> NDArray[np.float32]:
        offsets = self.tokenizer.offsets(text)[: self.max_tokens]
        total = _direction("", self.dimension) * np.float32(1e-3)
        for start, end in offsets:
            total = total + _direction(text[start:end].lower(), self.dimension)
        unit: NDArray[np.float32] = (total / np.linalg.norm(total)).astype(np.float32)
        return unit


def _direction(word: str, dimension: int) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).standard_normal(dimension, np.float32)
