"""The embedder stage over an ONNX model."""

import hashlib
import json
from collections import deque
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.errors import ModelError, ModelUnsupported
from ragstone_plugins.onnx.model import OnnxModel
from ragstone_plugins.onnx.settings import OnnxEmbedderSettings
from ragstone_plugins.onnx.together import together
from ragstone_plugins.onnx.tokenizer import TextTokenizer
from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.spi.errors import StageFailed
from ragstone_server.spi.host import Host, Lane

_GROUP = 8
"""Texts that one call in a lane embeds: 0.1 s of work, after which a cancelled request has stopped."""


class OnnxEmbedder:
    """Fits `spi.embedder.Embedder`: questions run in the interactive lane, passages in the bulk lane.

    A request keeps no more calls in its lane than the lane has threads, so several requests share it evenly.
    """

    def __init__(self, model: OnnxModel, host: Host, prefixes: dict[Purpose, str]) -> None:
        self._model = model
        self._lanes: dict[Purpose, Lane] = {Purpose.QUESTION: host.interactive, Purpose.PASSAGE: host.bulk}
        self._prefixes = prefixes
        self.dimension: int = model.manifest.dimension
        self.tokenizer: TextTokenizer = model.tokenizer
        self.max_tokens = _room(model, prefixes)
        self.fingerprint = _fingerprint(model.manifest.fingerprint, prefixes)

    @classmethod
    async def open(cls, settings: OnnxEmbedderSettings, host: Host) -> Self:
        """Load the model in a thread. Raises `ModelError`."""
        model = await host.bulk.run(OnnxModel.open, host.models_dir / settings.model, settings.max_tokens)
        given = {Purpose.QUESTION: settings.question_prefix, Purpose.PASSAGE: settings.passage_prefix}
        own = {Purpose.QUESTION: model.manifest.question_prefix, Purpose.PASSAGE: model.manifest.passage_prefix}
        return cls(model, host, {purpose: own[purpose] if text is None else text for purpose, text in given.items()})

    async def __call__(self, request: EmbedRequest, /) -> NDArray[np.float32]:
        """Embed the texts of the request."""
        prefix, lane = self._prefixes[request.purpose], self._lanes[request.purpose]
        texts = [prefix + text for text in request.texts] if prefix else list(request.texts)
        vectors = np.empty((len(texts), self.dimension), np.float32)
        size = max(1, min(_GROUP, -(-len(texts) // lane.threads)))
        groups = deque(range(0, len(texts), size))

        async def work() -> None:
            while groups:
                start = groups.popleft()
                try:
                    vectors[start : start + size] = await lane.run(self._model.embed, texts[start : start + size])
                except ModelError as error:
                    raise StageFailed("The embedding model failed.") from error

        await together(work, min(lane.threads, len(groups)))
        return vectors


def _room(model: OnnxModel, prefixes: dict[Purpose, str]) -> int:
    """Tokens that are left for a text."""
    longest = max(model.tokenizer.count(prefix) for prefix in prefixes.values())
    room = model.tokenizer.max_tokens - model.tokenizer.special_tokens - longest
    if room < 1:
        raise ModelUnsupported(
            f"The prefixes leave no room for a text in {model.tokenizer.max_tokens} tokens; shorten them."
        )
    return room


def _fingerprint(model: str, prefixes: dict[Purpose, str]) -> str:
    """The model's own, and what its texts begin with."""
    if not any(prefixes.values()):
        return model
    return f"{model}-{hashlib.sha256(json.dumps(prefixes, sort_keys=True).encode()).hexdigest()[:8]}"
