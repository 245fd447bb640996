"""The embedder stage over litellm."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.litellm_provider.backend import Backend
from ragstone_plugins.litellm_provider.batches import batches, together
from ragstone_plugins.litellm_provider.failing import failing
from ragstone_plugins.litellm_provider.settings import LitellmEmbedderSettings
from ragstone_server.spi.chat_completions import writable
from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.spi.errors import StageFailed, StartError
from ragstone_server.spi.host import Host
from ragstone_server.spi.model_tokenizer import tokenizer
from ragstone_server.spi.tokenizer import Tokenizer

_BLANK = "."
"""Sent for a text without a word: providers refuse an empty one."""
_WHAT = "The embedding model"


class LitellmEmbedder:
    """Fits `spi.embedder.Embedder`. Questions have places of their own, so that documents never block one."""

    def __init__(
        self, settings: LitellmEmbedderSettings, backend: Backend, host: Host, tokens: Tokenizer, dimension: int
    ) -> None:
        self._settings = settings
        self._backend = backend
        self._host = host
        self._places = {purpose: asyncio.Semaphore(settings.concurrency) for purpose in Purpose}
        self._types = {Purpose.QUESTION: settings.question_type, Purpose.PASSAGE: settings.passage_type}
        self.dimension = dimension
        self.max_tokens = settings.max_tokens
        self.tokenizer = tokens
        self.fingerprint = _fingerprint(settings, dimension)

    @classmethod
    async def open(cls, settings: LitellmEmbedderSettings, backend: Backend, host: Host) -> Self:
        """Ask for one vector where the dimension is not set. Raises `StartError`."""
        tokens = await host.bulk.run(tokenizer, settings.tokenizer)
        embedder = cls(settings, backend, host, tokens, settings.dimension or 0)
        if settings.dimension is not None:
            return embedder
        try:
            (probe,) = await embedder._ask([_BLANK], Purpose.PASSAGE)
        except StageFailed as error:
            raise StartError(
                f"{error.message} Its dimension is not known; set `dimension` to start without asking."
            ) from error
        return cls(settings, backend, host, tokens, len(probe))

    async def __call__(self, request: EmbedRequest, /) -> NDArray[np.float32]:
        """Embed the texts of the request."""
        if not request.texts:
            return np.empty((0, self.dimension), np.float32)
        lane = self._host.interactive if request.purpose is Purpose.QUESTION else self._host.bulk
        texts, sizes = await lane.run(self._cut, request.texts)

        async def embed(places: range) -> NDArray[np.float32]:
            rows = await self._ask([texts[place] for place in places], request.purpose)
            return self._units(rows)

        groups = batches(sizes, self._settings.batch_size, self._settings.max_batch_tokens)
        return np.concatenate(await together(embed, groups, self._places[request.purpose]))

    def _cut(self, texts: Sequence[str]) -> tuple[list[str], list[int]]:
        """What is sent of each text, and its tokens."""
        sent, sizes = [], []
        for text in texts:
            offsets = self.tokenizer.offsets(text)
            cut = text[: int(offsets[self.max_tokens - 1, 1])] if len(offsets) > self.max_tokens else text
            sent.append(writable(cut) if cut.strip() else _BLANK)
            sizes.append(max(1, min(len(offsets), self.max_tokens)))
        return sent, sizes

    async def _ask(self, texts: list[str], purpose: Purpose) -> list[Sequence[float]]:
        """One request: a row a text. Raises `StageFailed`."""
        kind = {"input_type": self._types[purpose]} if self._types[purpose] else {}
        with failing(_WHAT, self._settings.model, self._host.clock):
            response = await self._backend.embed(input=texts, timeout=self._settings.timeout_seconds, **kind)
            rows = {int(_of(item, "index")): _of(item, "embedding") for item in response.data}
        if rows.keys() != set(range(len(texts))):
            raise StageFailed(f"{_WHAT} {self._settings.model} did not give one vector a text.")
        return [rows[index] for index in range(len(texts))]

    def _units(self, rows: Sequence[Sequence[float]]) -> NDArray[np.float32]:
        """The vectors, of length 1. Raises `StageFailed` for what is none."""
        try:
            vectors = np.array(rows, np.float64)
        except (TypeError, ValueError):
            vectors = np.empty(0)
        if vectors.shape != (len(rows), self.dimension):
            raise StageFailed(
                f"{_WHAT} {self._settings.model} gave vectors of another dimension than {self.dimension}."
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise StageFailed(f"{_WHAT} {self._settings.model} gave a vector without a direction.")
        units: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
        return units


def _of(item: Any, key: str) -> Any:
    """litellm gives objects for some providers, dictionaries for others."""
    return item[key] if isinstance(item, dict) else getattr(item, key)


def _fingerprint(settings: LitellmEmbedderSettings, dimension: int) -> str:
    """Of what the vectors depend on: not of url and key, which change while the model stays."""
    facts = json.dumps([settings.model, dimension, settings.question_type, settings.passage_type])
    return f"litellm-{dimension}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"
