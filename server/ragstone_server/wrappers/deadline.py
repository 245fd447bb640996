"""A stage gets a share of the time that the caller still waits."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol, TypeVar

from ragstone_server.spi.clock import Clock
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.stages import Stage, StreamStage
from ragstone_server.wrappers.within import within


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
        allowance = _Allowance(name, clock, _seconds(request.context, clock, share, timeout_s))
        return await allowance.spend(stage(request))

    return call


def with_deadline_stream(
    stage: StreamStage[RequestT, ResultT], name: str, clock: Clock, share: float, timeout_s: float | None
) -> StreamStage[RequestT, ResultT]:
    """Stop the stream likewise. Opening it and waiting for its next event are timed together, never a slow reader."""

    async def timed(events: AsyncIterator[ResultT], allowance: "_Allowance") -> AsyncIterator[ResultT]:
        while True:
            try:
                event = await allowance.spend(anext(events))
            except StopAsyncIteration:
                return
            yield event

    @asynccontextmanager
    async def opened(request: RequestT) -> AsyncIterator[AsyncIterator[ResultT]]:
        allowance = _Allowance(name, clock, _seconds(request.context, clock, share, timeout_s))
        async with AsyncExitStack() as stack:
            yield timed(await allowance.spend(stack.enter_async_context(stage(request))), allowance)

    def call(request: RequestT, /) -> AbstractAsyncContextManager[AsyncIterator[ResultT]]:
        return opened(request)

    return call


class _Allowance:
    """The seconds that a stage may still be waited for; None: as many as it needs."""

    def __init__(self, name: str, clock: Clock, seconds: float | None) -> None:
        self._name = name
        self._clock = clock
        self._left = seconds

    async def spend(self, work: Awaitable[ResultT]) -> ResultT:
        """Wait for a piece of the stage's work. Raises `DeadlineExceeded` where the allowance ends first."""
        began = self._clock.monotonic()
        try:
            return await within(self._left, work, self._late)
        finally:
            if self._left is not None:
                self._left = max(0.0, self._left - (self._clock.monotonic() - began))

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"the {self._name} did not end in time", metadata={"stage": self._name})


def _seconds(context: RequestContext, clock: Clock, share: float, timeout_s: float | None) -> float | None:
    left = None if context.deadline is None else max(0.0, context.deadline - clock.monotonic()) * share
    bounds = [bound for bound in (left, timeout_s) if bound is not None]
    return min(bounds) if bounds else None
