"""A limit on how many calls run at once; further ones wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from ragstone_server.spi.stages import Stage, StreamStage

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


def bounded(stage: Stage[RequestT, ResultT], limit: int) -> Stage[RequestT, ResultT]:
    """At most `limit` calls at once."""
    places = asyncio.Semaphore(limit)

    async def call(request: RequestT, /) -> ResultT:
        async with places:
            return await stage(request)

    return call


def bounded_stream(stage: StreamStage[RequestT, ResultT], limit: int) -> StreamStage[RequestT, ResultT]:
    """At most `limit` open streams at once."""
    places = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def opened(request: RequestT) -> AsyncIterator[AsyncIterator[ResultT]]:
        async with places, stage(request) as events:
            yield events

    def call(request: RequestT, /) -> AbstractAsyncContextManager[AsyncIterator[ResultT]]:
        return opened(request)

    return call
