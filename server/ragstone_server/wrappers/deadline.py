"""A stage gets a share of the time that the caller still waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeVar

from ragstone_server.spi.clock import Clock
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.stages import Stage, StreamStage


class WithContext(Protocol):
    """A request that carries its context."""

    @property
    def context(self) -> RequestContext:
        """Who asks, until when."""
        ...


RequestT = TypeVar("RequestT", bound=WithContext)
ResultT = TypeVar("ResultT")


def with_deadline(
    stage: Stage[RequestT, ResultT], name: str, clock: Clock, share: float, timeout_s: float | None
) -> Stage[RequestT, ResultT]:
    """Stop the call with `DeadlineExceeded` when its share of the remaining time, or `timeout_s`, is over."""

    async def call(request: RequestT, /) -> ResultT:
        try:
            async with asyncio.timeout(_seconds(request.context, clock, share, timeout_s)):
                return await stage(request)
        except TimeoutError as error:
            raise DeadlineExceeded(f"the {name} did not end in time", metadata={"stage": name}) from error

    return call


def with_deadline_stream(
    stage: StreamStage[RequestT, ResultT], name: str, clock: Clock, share: float, timeout_s: float | None
) -> StreamStage[RequestT, ResultT]:
    """Stop the stream likewise. Only the waiting for its next event is timed, never a slow reader."""

    async def timed(events: AsyncIterator[ResultT], seconds: float | None) -> AsyncIterator[ResultT]:
        left = seconds
        while True:
            began = clock.monotonic()
            try:
                async with asyncio.timeout(left):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise DeadlineExceeded(f"the {name} did not end in time", metadata={"stage": name}) from error
            if left is not None:
                left = max(0.0, left - (clock.monotonic() - began))
            yield event

    @asynccontextmanager
    async def opened(request: RequestT) -> AsyncIterator[AsyncIterator[ResultT]]:
        async with stage(request) as events:
            yield timed(events, _seconds(request.context, clock, share, timeout_s))

    def call(request: RequestT, /) -> AbstractAsyncContextManager[AsyncIterator[ResultT]]:
        return opened(request)

    return call


def _seconds(context: RequestContext, clock: Clock, share: float, timeout_s: float | None) -> float | None:
    left = None if context.deadline is None else max(0.0, context.deadline - clock.monotonic()) * share
    bounds = [bound for bound in (left, timeout_s) if bound is not None]
    return min(bounds) if bounds else None
