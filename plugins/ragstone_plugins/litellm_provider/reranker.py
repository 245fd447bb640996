"""The reranker stage over litellm."""

import asyncio
import math

from ragstone_plugins.litellm_provider.asking import seconds_for
from ragstone_plugins.litellm_provider.backend import Backend
from ragstone_plugins.litellm_provider.batches import batches, together
from ragstone_plugins.litellm_provider.failing import failing
from ragstone_plugins.litellm_provider.settings import LitellmRerankerSettings
from ragstone_server.spi.chat_completions import writable
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import StageFailed
from ragstone_server.spi.reranker import Ranked, RerankRequest

_BLANK = "."
"""Sent for a text without a word: providers refuse an empty one."""
_WHAT = "The reranking model"


class LitellmReranker:
    """Fits `spi.reranker.Reranker`. A model judges each passage by itself, so scores of several requests compare."""

    def __init__(self, settings: LitellmRerankerSettings, backend: Backend, clock: Clock) -> None:
        self._settings = settings
        self._backend = backend
        self._clock = clock
        self._places = asyncio.Semaphore(settings.concurrency)

    async def __call__(self, request: RerankRequest, /) -> tuple[Ranked, ...]:
        """Order the passages; those of equal scores keep the order of the request."""
        texts = [_sent(scored.passage.text) for scored in request.passages]
        question = _sent(request.question)

        async def judge(places: range) -> dict[int, float]:
            documents = [texts[place] for place in places]
            scores = await self._ask(question, documents, seconds_for(self._settings, request.context, self._clock))
            return {places[index]: score for index, score in scores.items()}

        groups = list(batches([1] * len(texts), self._settings.batch_size))
        parts = await together(judge, groups, self._places) if groups else []
        scores = _shares({index: score for part in parts for index, score in part.items()})
        order = sorted(scores, key=lambda index: (-scores[index], index))
        return tuple(Ranked(index=index, score=scores[index]) for index in order)

    async def _ask(self, question: str, documents: list[str], timeout: float) -> dict[int, float]:
        """One request: a score a document, by its index. Raises `StageFailed`."""
        with failing(_WHAT, self._settings.model, self._clock):
            response = await self._backend.rerank(
                query=question, documents=documents, top_n=len(documents), return_documents=False, timeout=timeout
            )
            scores = {int(result["index"]): float(result["relevance_score"]) for result in response.results or ()}
        known = scores.keys() == set(range(len(documents)))
        if not known or not all(math.isfinite(score) for score in scores.values()):
            raise StageFailed(f"{_WHAT} {self._settings.model} did not score each passage.")
        return scores


def _sent(text: str) -> str:
    return writable(text) if text.strip() else _BLANK


def _shares(scores: dict[int, float]) -> dict[int, float]:
    """Scores from 0 to 1: as they are, or by the logistic function where a model gives logits."""
    if all(0 <= score <= 1 for score in scores.values()):
        return scores
    return {index: 0.5 * (1 + math.tanh(score / 2)) for index, score in scores.items()}
