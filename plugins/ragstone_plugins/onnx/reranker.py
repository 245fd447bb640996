"""The reranker `onnx`: a cross-encoder of a model directory, on the CPU of this machine."""

from collections import deque
from typing import Self

from ragstone_plugins.onnx.cross_encoder import CrossEncoder
from ragstone_plugins.onnx.errors import ModelError
from ragstone_plugins.onnx.settings import OnnxRerankerSettings
from ragstone_plugins.onnx.together import together
from ragstone_server.spi.errors import StageFailed
from ragstone_server.spi.host import Host, Lane
from ragstone_server.spi.reranker import Ranked, RerankRequest

_GROUP = 4
"""Passages of one call in a thread: so that a caller who is gone, or a deadline, costs no more than these."""


class OnnxReranker:
    """Fits `spi.reranker.Reranker`: ranks every passage; equal scores stay in the order of the request."""

    def __init__(self, model: CrossEncoder, lane: Lane) -> None:
        self._model = model
        self._lane = lane

    @classmethod
    async def open(cls, settings: OnnxRerankerSettings, host: Host) -> Self:
        """Load the model in a thread. Raises `ModelError`."""
        model = await host.bulk.run(CrossEncoder.open, host.models_dir / settings.model, settings.max_tokens)
        return cls(model, host.interactive)

    async def __call__(self, request: RerankRequest, /) -> tuple[Ranked, ...]:
        """Score every passage. Raises `StageFailed`."""
        texts = [scored.passage.text for scored in request.passages]
        scores = [0.0] * len(texts)
        groups = deque(range(0, len(texts), _GROUP))

        async def work() -> None:
            while groups:
                start = groups.popleft()
                some = texts[start : start + _GROUP]
                try:
                    scores[start : start + _GROUP] = await self._lane.run(self._model.scores, request.question, some)
                except ModelError as error:
                    raise StageFailed("The reranking model failed.") from error

        await together(work, min(self._lane.threads, len(groups)))
        order = sorted(range(len(texts)), key=lambda index: -scores[index])
        return tuple(Ranked(index=index, score=scores[index]) for index in order)
