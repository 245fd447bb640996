"""Each wrapper adds one concern and keeps the shape of the stage."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from ragstone_server.observe.stage_times import collected
from ragstone_server.registry.clock import SystemClock
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.errors import DeadlineExceeded, InvalidRequest, RequestError, StageFailed
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.wrappers.bounded import bounded, bounded_stream
from ragstone_server.wrappers.deadline import with_deadline, with_deadline_stream
from ragstone_server.wrappers.fallible import Degradation, fallible
from ragstone_server.wrappers.governed import governed
from ragstone_server.wrappers.policy import StagePolicy
from ragstone_server.wrappers.retried import retried
from ragstone_server.wrappers.timed import timed

CLOCK = SystemClock()


@dataclass(frozen=True)
class Asked:
    context: RequestContext = CONTEXT


def due_in(seconds: float) -> Asked:
    return Asked(replace(CONTEXT, deadline=CLOCK.monotonic() + seconds))


class Flaky:
    """Fails with these errors, one a call, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, request: Asked, /) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def endless(request: Asked, /) -> str:
    await asyncio.sleep(3600)
    return "never"


class Counting:
    """Knows how many are inside at once."""

    def __init__(self) -> None:
        self.inside = self.most = 0

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            yield
        finally:
            self.inside -= 1

    async def stage(self, request: Asked, /) -> str:
        async with self.entered():
            await asyncio.sleep(0)
            return "answer"

    @asynccontextmanager
    async def stream(self, request: Asked, /) -> AsyncIterator[AsyncIterator[int]]:
        async def events() -> AsyncIterator[int]:
            for number in range(2):
                await asyncio.sleep(0)
                yield number

        async with self.entered():
            yield events()


async def test_bounded_lets_no_more_in_than_its_limit() -> None:
    counting = Counting()
    stage = bounded(counting.stage, 2)
    assert await asyncio.gather(*(stage(Asked()) for _ in range(7))) == ["answer"] * 7
    assert counting.most == 2


async def test_bounded_frees_its_place_after_a_failure() -> None:
    stage = bounded(Flaky(ValueError("broken")), 1)
    with pytest.raises(ValueError, match="broken"):
        await stage(Asked())
    assert await stage(Asked()) == "answer"


async def test_a_bounded_stream_holds_its_place_until_it_is_left() -> None:
    counting = Counting()
    stage = bounded_stream(counting.stream, 2)

    async def read() -> list[int]:
        async with stage(Asked()) as events:
            return [event async for event in events]

    assert await asyncio.gather(*(read() for _ in range(5))) == [[0, 1]] * 5
    assert counting.most == 2


@pytest.mark.parametrize(
    ("asked", "share", "timeout"),
    [
        (lambda: due_in(0.02), 1.0, None),
        (Asked, 1.0, 0.02),
        (lambda: due_in(60), 0.0003, None),
        (lambda: due_in(-1), 1.0, 60),
    ],
    ids=["deadline", "timeout", "share", "passed already"],
)
async def test_a_stage_is_stopped_in_time(asked: Callable[[], Asked], share: float, timeout: float | None) -> None:
    stage = with_deadline(endless, "rerank", CLOCK, share, timeout)
    with pytest.raises(DeadlineExceeded, match="the rerank did not end in time") as caught:
        await stage(asked())
    assert caught.value.metadata == {"stage": "rerank"}


async def test_without_a_deadline_nothing_is_timed() -> None:
    assert await with_deadline(Flaky(), "rerank", CLOCK, 1.0, None)(Asked()) == "answer"


async def test_only_the_waiting_for_the_next_event_of_a_stream_is_timed() -> None:
    clock = ManualClock()

    @asynccontextmanager
    async def stream(request: Asked, /) -> AsyncIterator[AsyncIterator[int]]:
        async def events() -> AsyncIterator[int]:
            yield 1
            yield 2
            await asyncio.sleep(3600)
            yield 3

        yield events()

    seen = []

    async def read_slowly() -> None:
        async with with_deadline_stream(stream, "generator", clock, 1.0, 0.05)(Asked()) as events:
            async for event in events:
                seen.append(event)
                await asyncio.sleep(0.06)  # a slow reader costs the stage nothing

    with pytest.raises(DeadlineExceeded):
        await read_slowly()
    assert seen == [1, 2]


async def test_a_failure_is_typed_where_nothing_replaces_it() -> None:
    with pytest.raises(StageFailed, match="the fuse failed") as caught:
        await fallible(Flaky(ValueError("secret detail")), "fuse", skip=False)(Asked())
    assert caught.value.metadata == {"stage": "fuse"}
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(InvalidRequest):
        await fallible(Flaky(InvalidRequest()), "fuse", skip=False)(Asked())


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ValueError("secret detail"), "failed"),
        (DeadlineExceeded(), "did not end in time"),
        (InvalidRequest(), "failed"),
    ],
)
async def test_a_failure_is_skipped_in_the_open_and_without_its_details(error: Exception, why: str) -> None:
    outcome = await fallible(Flaky(error), "rewrite", skip=True)(Asked())
    assert outcome.result is None
    assert outcome.degradation == Degradation(stage="rewrite", reason=f"{why} and was skipped")


async def test_a_failure_is_replaced_in_the_open() -> None:
    stage = fallible(Flaky(ValueError()), "fuse", skip=False, replacement=("other", Flaky()))
    outcome = await stage(Asked())
    assert outcome.result == "answer"
    assert outcome.degradation == Degradation(stage="fuse", reason="failed and was replaced by other")
    assert (await stage(Asked())).degradation is None


async def test_cancelling_is_no_failure() -> None:
    task = asyncio.create_task(fallible(endless, "fuse", skip=True)(Asked()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(("errors", "calls"), [((), 1), ((ValueError(),), 2), ((StageFailed(), ValueError()), 3)])
async def test_a_failure_that_is_worth_it_is_tried_again(errors: tuple[Exception, ...], calls: int) -> None:
    stage = Flaky(*errors)
    assert await retried(stage, 2, random.Random(0))(Asked()) == "answer"
    assert stage.calls == calls


@pytest.mark.parametrize("error", [InvalidRequest(), DeadlineExceeded()])
async def test_what_trying_again_cannot_mend_is_not_tried_again(error: RequestError) -> None:
    stage = Flaky(error)
    with pytest.raises(type(error)):
        await retried(stage, 3, random.Random(0))(Asked())
    assert stage.calls == 1


async def test_the_last_failure_is_raised() -> None:
    stage = Flaky(ValueError("1"), ValueError("2"))
    with pytest.raises(ValueError, match="2"):
        await retried(stage, 1, random.Random(0))(Asked())
    assert stage.calls == 2


async def test_the_time_of_a_call_is_noted_also_of_one_that_fails() -> None:
    clock = ManualClock()

    async def slow(request: Asked, /) -> str:
        clock.advance(2.5)
        raise ValueError

    with collected() as times, pytest.raises(ValueError):  # noqa: PT011 - it has no text
        await timed(slow, "fuse", clock)(Asked())
    assert [(time.stage, time.seconds) for time in times] == [("fuse", 2.5)]


async def test_all_concerns_together_bound_each_try_and_time_the_whole() -> None:
    stage = Flaky(ValueError(), ValueError())
    policy = StagePolicy(concurrency=1, retries=1, timeout_seconds=5)
    with collected() as times:
        outcome = await governed(stage, "rerank", policy, CLOCK, skip=True)(Asked())
    assert outcome.degradation == Degradation(stage="rerank", reason="failed and was skipped")
    assert stage.calls == 2
    assert [time.stage for time in times] == ["rerank"]


async def test_a_place_is_free_again_after_the_time_is_over() -> None:
    answers: list[Callable[[Asked], Awaitable[str]]] = [endless, Flaky()]

    async def stage(request: Asked, /) -> str:
        return await answers.pop(0)(request)

    policy = StagePolicy(concurrency=1, timeout_seconds=0.02)
    wrapped = governed(stage, "rerank", policy, CLOCK, skip=True)
    assert (await wrapped(Asked())).result is None
    assert (await wrapped(Asked())).result == "answer"


def test_the_keys_of_a_section_are_split_between_policy_and_plugin() -> None:
    mine, others = StagePolicy.split({"use": "x", "retries": 1, "weight": 2})
    assert (mine, others) == ({"retries": 1}, {"use": "x", "weight": 2})
