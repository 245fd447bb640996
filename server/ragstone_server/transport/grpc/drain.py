"""The end of serving: new calls are refused, streams that only wait are ended, the others complete."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ragstone_server.spi.errors import ShuttingDown

ResultT = TypeVar("ResultT")


class Drain:
    """Knows whether the end has begun, and which reads wait for callers that may never write again."""

    def __init__(self) -> None:
        self.begun = False
        self._reads: set[asyncio.Timeout] = set()

    def begin(self) -> None:
        """End every read that waits."""
        self.begun = True
        now = asyncio.get_running_loop().time()
        for read in self._reads:
            read.reschedule(now)

    async def read(self, message: Callable[[], Awaitable[ResultT]], seconds: float | None) -> ResultT:
        """Wait for a caller's message. Raises `ShuttingDown` once the end has begun, `TimeoutError` after `seconds`."""
        if self.begun:
            raise ShuttingDown
        try:
            async with asyncio.timeout(seconds) as read:
                self._reads.add(read)
                try:
                    return await message()
                finally:
                    self._reads.discard(read)
        except TimeoutError:
            if self.begun:
                raise ShuttingDown from None
            raise
