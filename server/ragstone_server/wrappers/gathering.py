"""Short requests to an embedder that wait at the same time share a call."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.tokenizer import Tokenizer

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Waiting:
    texts: tuple[str, ...]
    done: asyncio.Future[Vectors]


class GatheringEmbedder:
    """Fits `Embedder`. What comes while others are embedded waits for them, and then goes together; a lone request waits for nobody.

    A request of a full batch goes by itself, and so do questions. Within a call texts of like length stand together, so that
    little of what the model computes is padding.
    """

    def __init__(self, embedder: Embedder, batch: int, at_once: int) -> None:
        """`batch` is the number of texts of a full call; at most `at_once` calls of gathered texts run."""
        self._embedder = embedder
        self._batch = batch
        self._at_once = at_once
        self._waiting: deque[_Waiting] = deque()
        self._workers: set[asyncio.Task[None]] = set()

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that count."""
        return self._embedder.max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """How it cuts a text."""
        return self._embedder.tokenizer

    @property
    def fingerprint(self) -> str:
        """Of the embedder itself: vectors are the same."""
        return self._embedder.fingerprint

    async def __call__(self, request: EmbedRequest, /) -> Vectors:
        """Embed the texts of the request. Raises what the embedder raises for them."""
        if request.purpose is not Purpose.PASSAGE or not 0 < len(request.texts) < self._batch:
            return await self._embedder(request)
        waiting = _Waiting(request.texts, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._workers) < self._at_once:
            worker = asyncio.create_task(self._work(), name="embed-gathered")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await waiting.done

    async def _work(self) -> None:
        while batch := self._take():
            await self._embed(batch)

    def _take(self) -> list[_Waiting]:
        """Those who have waited longest, as many as fit."""
        batch: list[_Waiting] = []
        texts = 0
        while self._waiting and (not batch or texts + len(self._waiting[0].texts) <= self._batch):
            waiting = self._waiting.popleft()
            if not waiting.done.done():
                batch.append(waiting)
                texts += len(waiting.texts)
        return batch

    async def _embed(self, batch: Sequence[_Waiting]) -> None:
        texts = [text for waiting in batch for text in waiting.texts]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        request = EmbedRequest(texts=tuple(texts[i] for i in order), purpose=Purpose.PASSAGE)
        try:
            vectors = await self._embedder(request)
        except Exception as error:  # noqa: BLE001 - told to those who asked
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            # One by one, so that the text that is at fault fails alone.
            for waiting in batch:
                if not waiting.done.done():
                    await self._embed([waiting])
            return
        except BaseException:
            for waiting in batch:
                waiting.done.cancel()
            raise
        rows = np.empty_like(vectors)
        rows[order] = vectors
        begin = 0
        for waiting in batch:
            end = begin + len(waiting.texts)
            if not waiting.done.done():
                waiting.done.set_result(rows[begin:end])
            begin = end


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
