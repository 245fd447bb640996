"""What counts against the time of a stage, and whose end of time it is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.errors import DeadlineExceeded, StageFailed
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.wrappers.bounded import bounded_stream
from ragstone_server.wrappers.deadline import with_deadline, with_deadline_stream
from ragstone_server.wrappers.fallible import fallible

NOW = replace(CONTEXT, deadline=0.0)
"""Its deadline is the instant at which a manual clock stands."""


@dataclass(frozen=True)
class Asked:
    context: RequestContext = CONTEXT


@dataclass
class Scripted:
    """A stream of two events; tells how many are open."""

    opening: Callable[[], object] = lambda: None
    wait_to_open: asyncio.Event | None = None
    wait_for_second: asyncio.Event | None = None
    failure: Exception | None = None
    open_streams: int = 0

    def __call__(self, request: Asked, /) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        return self._stream()

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[AsyncIterator[int]]:
        self.opening()
        if self.wait_to_open is not None:
            await self.wait_to_open.wait()
        self.open_streams += 1
        try:
            yield self._events()
        finally:
            self.open_streams -= 1

    async def _events(self) -> AsyncIterator[int]:
        yield 1
        if self.wait_for_second is not None:
            await self.wait_for_second.wait()
        if self.failure is not None:
            raise self.failure
        yield 2


async def test_a_time_out_of_the_stages_own_is_its_failure_not_the_callers_deadline() -> None:
    async def stage(request: Asked, /) -> str:
        raise TimeoutError("a socket's")

    timed = with_deadline(stage, "rerank", ManualClock(), 1.0, 3600)
    with pytest.raises(TimeoutError, match="a socket's"):
        await timed(Asked())
    with pytest.raises(StageFailed):
        await fallible(timed, "rerank", skip=False)(Asked())
    outcome = await fallible(timed, "rerank", skip=True)(Asked())
    assert outcome.degradation is not None
    assert outcome.degradation.reason == "failed and was skipped"


async def test_likewise_of_a_stream() -> None:
    stage = with_deadline_stream(Scripted(failure=TimeoutError("a socket's")), "generator", ManualClock(), 1.0, 3600)
    with pytest.raises(TimeoutError, match="a socket's"):
        async with stage(Asked()) as events:
            assert [event async for event in events] == [1]


async def test_opening_a_stream_is_timed() -> None:
    scripted = Scripted(wait_to_open=asyncio.Event())
    stage = with_deadline_stream(scripted, "generator", ManualClock(), 1.0, None)
    with pytest.raises(DeadlineExceeded) as caught:
        async with stage(Asked(NOW)):
            pytest.fail("it never opens")
    assert caught.value.metadata == {"stage": "generator"}
    assert scripted.open_streams == 0


async def test_opening_and_waiting_take_of_the_same_allowance() -> None:
    clock = ManualClock()
    scripted = Scripted(opening=lambda: clock.advance(3600), wait_for_second=asyncio.Event())
    seen = []
    with pytest.raises(DeadlineExceeded):
        async with with_deadline_stream(scripted, "generator", clock, 1.0, 3600)(Asked()) as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 - what was seen before the failure is wanted
    assert seen == [1]
    assert scripted.open_streams == 0


async def test_a_slow_reader_takes_nothing_of_it() -> None:
    clock, go_on = ManualClock(), asyncio.Event()
    stage = with_deadline_stream(Scripted(wait_for_second=go_on), "generator", clock, 1.0, 3600)
    seen = []
    async with stage(Asked()) as events:
        async for event in events:
            seen.append(event)
            clock.advance(7200)
            asyncio.get_running_loop().call_soon(go_on.set)
    assert seen == [1, 2]


async def test_who_waits_for_a_place_past_its_deadline_is_told_and_leaks_no_place() -> None:
    stage = with_deadline_stream(bounded_stream(Scripted(), 1), "generator", ManualClock(), 1.0, None)
    async with stage(Asked()):
        for _ in range(3):
            with pytest.raises(DeadlineExceeded):
                async with stage(Asked(NOW)):
                    pytest.fail("there is no place")
    async with stage(Asked()) as events:
        assert [event async for event in events] == [1, 2]


async def test_cancelling_who_opens_a_stream_is_no_deadline() -> None:
    scripted = Scripted(wait_to_open=asyncio.Event())
    bound = bounded_stream(scripted, 1)
    stage = with_deadline_stream(bound, "generator", ManualClock(), 1.0, 3600)

    async def read() -> None:
        async with stage(Asked()):
            pytest.fail("it never opens")

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    scripted.wait_to_open = None
    async with stage(Asked()) as events:
        assert await anext(events) == 1
