"""Short requests that wait together share a call; whoever is alone, asks, or brings a full batch does not wait."""

import asyncio
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.spi.errors import RequestError, StageFailed
from ragstone_server.spi.reasons import Reason
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.wrappers.gathering import FEW, GatheringEmbedder

BATCH = 4
Vectors = NDArray[np.float32]


class Held(MemoryEmbedder):
    """Answers when it is told to; texts with `bad` fail their call."""

    def __init__(self) -> None:
        super().__init__()
        self.running = 0
        self.go = asyncio.Event()
        self.changed = asyncio.Condition()
        self.retry_after_s: float | None = None
        self.rows_lost = 0

    async def __call__(self, request: EmbedRequest, /) -> Vectors:
        vectors = await super().__call__(request)
        await self._count(1)
        try:
            await self.go.wait()
        finally:
            await self._count(-1)
        if any("bad" in text for text in request.texts):
            raise StageFailed("bad", retry_after_s=self.retry_after_s)
        return vectors[self.rows_lost :]

    async def _count(self, change: int) -> None:
        async with self.changed:
            self.running += change
            self.changed.notify_all()

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(reached)

    @property
    def asked(self) -> list[tuple[str, ...]]:
        return [request.texts for request in self.requests]


@pytest.fixture
async def inner() -> Held:
    return Held()


@pytest.fixture
async def embedder(inner: Held) -> GatheringEmbedder:
    return GatheringEmbedder(inner, BATCH, at_once=1)


def begin(
    embedder: GatheringEmbedder, requests: Iterable[str], purpose: Purpose = Purpose.PASSAGE
) -> list[asyncio.Task[Vectors]]:
    """One request each, with the texts that blanks separate."""

    async def one(texts: tuple[str, ...]) -> Vectors:
        return await embedder(EmbedRequest(texts=texts, purpose=purpose))

    return [asyncio.create_task(one(tuple(texts.split()))) for texts in requests]


async def embedding(inner: Held, embedder: GatheringEmbedder, text: str) -> asyncio.Task[Vectors]:
    """A request that is being embedded, so that what comes later has to wait."""
    (task,) = begin(embedder, [text])
    await inner.until(lambda: len(inner.requests) == 1)
    return task


async def all_waiting() -> None:
    """Until tasks that were made have come to where they wait."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_lone_request_goes_by_itself(inner: Held, embedder: GatheringEmbedder) -> None:
    inner.go.set()
    (vectors,) = await asyncio.gather(*begin(embedder, ["one two"]))
    assert inner.asked == [("one", "two")]
    assert np.array_equal(vectors, await MemoryEmbedder()(inner.requests[0]))


async def test_those_that_come_together_share_a_call(inner: Held, embedder: GatheringEmbedder) -> None:
    inner.go.set()
    await asyncio.gather(*begin(embedder, ["a", "b", "c"]))
    assert inner.asked == [("a", "b", "c")]


async def test_those_that_wait_go_next_and_each_gets_its_own(inner: Held, embedder: GatheringEmbedder) -> None:
    first = await embedding(inner, embedder, "first")
    waiting = begin(embedder, ["longest a", "long"])
    await all_waiting()
    assert inner.asked == [("first",)]
    inner.go.set()
    one, two = await asyncio.gather(*waiting)
    assert inner.asked == [("first",), ("a", "long", "longest")]
    alone = MemoryEmbedder()
    assert np.array_equal(one, await alone(EmbedRequest(texts=("longest", "a"), purpose=Purpose.PASSAGE)))
    assert np.array_equal(two, await alone(EmbedRequest(texts=("long",), purpose=Purpose.PASSAGE)))
    assert (await first).shape == (1, inner.dimension)


async def test_full_batches_and_questions_do_not_wait(inner: Held, embedder: GatheringEmbedder) -> None:
    await embedding(inner, embedder, "first")
    begin(embedder, ["waits"])
    begin(embedder, ["a b c d e"])
    begin(embedder, ["question"], Purpose.QUESTION)
    await inner.until(lambda: inner.running == 3)
    assert inner.asked[1:] == [("a", "b", "c", "d", "e"), ("question",)]
    begin(embedder, ["b c", "d"])
    await inner.until(lambda: inner.running == 4)
    assert inner.asked[3] == ("b", "c", "d", "waits")
    inner.go.set()


async def test_one_that_does_not_fit_comes_next(inner: Held, embedder: GatheringEmbedder) -> None:
    inner.go.set()
    await asyncio.gather(*begin(embedder, ["a b c", "d e", "f"]))
    assert inner.asked == [("a", "b", "c"), ("d", "e", "f")]


async def test_many_that_come_together_are_divided_among_the_calls(inner: Held) -> None:
    embedder = GatheringEmbedder(inner, batch=64, at_once=3)
    tasks = begin(embedder, ["a b"] * 15 + ["c"])
    await inner.until(lambda: inner.running == 3)
    assert [len(texts) for texts in inner.asked] == [10, 10, 11]
    inner.go.set()
    await asyncio.gather(*tasks)


async def test_few_that_come_together_are_not_divided(inner: Held) -> None:
    embedder = GatheringEmbedder(inner, batch=64, at_once=3)
    inner.go.set()
    await asyncio.gather(*begin(embedder, ["a"] * FEW))
    assert [len(texts) for texts in inner.asked] == [FEW]


async def test_no_texts_have_no_vectors(inner: Held, embedder: GatheringEmbedder) -> None:
    inner.go.set()
    assert (await embedder(EmbedRequest(texts=(), purpose=Purpose.PASSAGE))).shape == (0, inner.dimension)


async def test_one_that_gives_up_leaves_the_others(inner: Held, embedder: GatheringEmbedder) -> None:
    await embedding(inner, embedder, "first")
    gone, stays, late = begin(embedder, ["gone", "stays", "late"])
    await all_waiting()
    gone.cancel()
    inner.go.set()
    await stays
    assert inner.asked == [("first",), ("late", "stays")]
    late.cancel()


async def test_a_call_goes_on_for_one_of_those_who_shared_it(inner: Held, embedder: GatheringEmbedder) -> None:
    gone, stays = begin(embedder, ["gone", "stays"])
    await inner.until(lambda: inner.running == 1)
    gone.cancel()
    inner.go.set()
    assert (await stays).shape == (1, inner.dimension)
    assert gone.cancelled()


async def test_a_call_that_nobody_waits_for_is_cancelled(inner: Held, embedder: GatheringEmbedder) -> None:
    both = begin(embedder, ["one", "other"])
    await inner.until(lambda: inner.running == 1)
    for task in both:
        task.cancel()
    await inner.until(lambda: inner.running == 0)
    inner.go.set()
    assert (await asyncio.gather(*begin(embedder, ["next"])))[0].shape == (1, inner.dimension)


async def test_a_text_that_fails_fails_its_own_request_only(inner: Held, embedder: GatheringEmbedder) -> None:
    inner.go.set()
    one, bad, other = await asyncio.gather(*begin(embedder, ["one", "bad", "other"]), return_exceptions=True)
    assert isinstance(bad, StageFailed)
    assert isinstance(one, np.ndarray)
    assert isinstance(other, np.ndarray)
    assert inner.asked == [("one", "bad", "other"), ("one",), ("bad",), ("other",)]


async def test_one_that_failed_alone_is_not_tried_again(inner: Held, embedder: GatheringEmbedder) -> None:
    inner.go.set()
    with pytest.raises(StageFailed):
        await asyncio.gather(*begin(embedder, ["bad"]))
    assert inner.asked == [("bad",)]


async def test_a_provider_that_asks_for_a_pause_is_not_asked_at_once_by_each(
    inner: Held, embedder: GatheringEmbedder
) -> None:
    inner.retry_after_s = 7.0
    inner.go.set()
    failed = await asyncio.gather(*begin(embedder, ["one", "bad"]), return_exceptions=True)
    assert [each.reason for each in failed if isinstance(each, RequestError)] == [Reason.STAGE_FAILED] * 2
    assert inner.asked == [("one", "bad")]


async def test_an_embedder_that_breaks_its_promise_leaves_nobody_waiting(
    inner: Held, embedder: GatheringEmbedder
) -> None:
    inner.rows_lost = 1
    inner.go.set()
    with pytest.raises(IndexError):
        await asyncio.gather(*begin(embedder, ["one two"]))


async def test_those_who_wait_are_told_when_the_call_is_stopped(inner: Held, embedder: GatheringEmbedder) -> None:
    (task,) = begin(embedder, ["one"])
    await inner.until(lambda: inner.running == 1)
    (call,) = [each for each in asyncio.all_tasks() if each.get_name() == "embed-gathered"]
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_facts_are_the_embedders_own() -> None:
    inner = MemoryEmbedder()
    embedder = GatheringEmbedder(inner, BATCH, at_once=1)
    assert embedder.dimension == inner.dimension
    assert embedder.max_tokens == inner.max_tokens
    assert embedder.tokenizer is inner.tokenizer
    assert embedder.fingerprint == inner.fingerprint
