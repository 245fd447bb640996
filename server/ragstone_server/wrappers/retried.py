"""Further tries of a stage, with growing pauses and jitter."""

import asyncio
import random
from typing import TypeVar

from ragstone_server.spi.errors import DeadlineExceeded, RequestError, StageFailed
from ragstone_server.spi.stages import Stage

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


def retried(stage: Stage[RequestT, ResultT], retries: int, jitter: random.Random) -> Stage[RequestT, ResultT]:
    """Try again after a failure that is not the request's own fault nor a deadline."""

    async def call(request: RequestT, /) -> ResultT:
        for attempt in range(retries):
            try:
                return await stage(request)
            except Exception as error:
                if isinstance(error, DeadlineExceeded) or (
                    isinstance(error, RequestError) and not isinstance(error, StageFailed)
                ):
                    raise
                await asyncio.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt) * jitter.uniform(0.5, 1.0))
        return await stage(request)

    return call
