"""Short requests to an embedder that wait at the same time share a call."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.tokenizer import Tokenizer

Vectors = NDArray[np.float32]

FEW = 8
"""Texts that are not worth dividing between two calls."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    texts: tuple[str, ...]
    found: asyncio.Future[Vectors | None]
    """None: the call that was shared failed, and not for all the same."""


class GatheringEmbedder:
    """Fits `Embedder`. What comes while others are embedded waits for them, and then goes together.

    A full batch waits for nobody, and neither does a request for which there is room among the calls. Questions, and requests
    of a full batch, pass by. Within a call texts of like length stand together, so that little of what a model computes is
    padding. A call that fails is tried again by each of those who shared it, so that the text at fault fails its own document
    only; a call that nobody waits for any more is cancelled.
    """

    def __init__(self, embedder: Embedder, batch: int, at_once: int) -> None:
        """`batch`: texts of a full call. `at_once`: calls beyond which those that are not full wait."""
        self._embedder = embedder
        self._batch = batch
        self._at_once = at_once
        self._waiting: deque[_Waiting] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._beginning = False

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
        loop = asyncio.get_running_loop()
        waiting = _Waiting(request.texts, loop.create_future())
        self._waiting.append(waiting)
        if not self._beginning:
            # Not at once: those who were told of their vectors or versions together come one after the other.
            self._beginning = True
            loop.call_soon(self._begin)
        vectors = await waiting.found
        return await self._embedder(request) if vectors is None else vectors

    def _begin(self) -> None:
        self._beginning = False
        while self._waiting:
            texts, free = sum(len(waiting.texts) for waiting in self._waiting), self._at_once - len(self._calls)
            if texts < self._batch and free <= 0:
                return
            # Were they all in one call, all documents would wait for it, and then the embedder for all documents.
            share = max(FEW, -(-texts // max(1, free)))
            if batch := self._take(min(share, self._batch)):
                call = asyncio.create_task(self._embed(batch), name="embed-gathered")
                self._calls.add(call)
                call.add_done_callback(self._ended)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._begin()

    def _take(self, most: int) -> list[_Waiting]:
        """Those who have waited longest, as many as fit into so many texts; one at least."""
        batch: list[_Waiting] = []
        texts = 0
        while self._waiting and (not batch or texts + len(self._waiting[0].texts) <= most):
            waiting = self._waiting.popleft()
            if not waiting.found.done():
                batch.append(waiting)
                texts += len(waiting.texts)
        return batch

    async def _embed(self, batch: Sequence[_Waiting]) -> None:
        _cancel_unwanted(batch)
        texts = [text for waiting in batch for text in waiting.texts]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        request = EmbedRequest(texts=tuple(texts[i] for i in order), purpose=Purpose.PASSAGE)
        try:
            vectors = await self._embedder(request)
            rows = np.empty_like(vectors)
            rows[order] = vectors
        except Exception as error:  # noqa: BLE001 - told to those who asked
            for waiting in batch:
                if not waiting.found.done():
                    _fail(waiting, error, shared=len(batch) > 1)
            return
        except BaseException:
            for waiting in batch:
                waiting.found.cancel()
            raise
        begin = 0
        for waiting in batch:
            end = begin + len(waiting.texts)
            if not waiting.found.done():
                waiting.found.set_result(rows[begin:end])
            begin = end


def _cancel_unwanted(batch: Sequence[_Waiting]) -> None:
    """Cancel the task that embeds the batch as soon as the last of those who wait for it is gone."""
    task = asyncio.current_task()
    assert task is not None

    def gone(_: asyncio.Future[Vectors | None]) -> None:
        if all(waiting.found.cancelled() for waiting in batch):
            task.cancel()

    for waiting in batch:
        waiting.found.add_done_callback(gone)


def _fail(waiting: _Waiting, error: Exception, *, shared: bool) -> None:
    # A provider that names a time to wait until would refuse each of them by itself too.
    if shared and not (isinstance(error, RequestError) and error.retry_after_s is not None):
        waiting.found.set_result(None)
    else:
        waiting.found.set_exception(error)
