"""A stream that says nothing for too long has failed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from ragstone_server.spi.stages import StreamStage
from ragstone_server.wrappers.within import within

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


def not_stalled(
    stage: StreamStage[RequestT, ResultT], first_s: float, next_s: float, stalled: Callable[[], Exception]
) -> StreamStage[RequestT, ResultT]:
    """Raise `stalled()` where opening and the first event take longer than `first_s`, or a further one than `next_s`.

    Only the waiting for the stream is timed, never a slow reader.
    """

    async def timed(events: AsyncIterator[ResultT], first_s: float) -> AsyncIterator[ResultT]:
        seconds = first_s
        while True:
            try:
                event = await within(seconds, anext(events), stalled)
            except StopAsyncIteration:
                return
            yield event
            seconds = next_s

    @asynccontextmanager
    async def opened(request: RequestT) -> AsyncIterator[AsyncIterator[ResultT]]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with AsyncExitStack() as stack:
            events = await within(first_s, stack.enter_async_context(stage(request)), stalled)
            yield timed(events, first_s - (loop.time() - began))

    def call(request: RequestT, /) -> AbstractAsyncContextManager[AsyncIterator[ResultT]]:
        return opened(request)

    return call
