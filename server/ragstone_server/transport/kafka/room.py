"""Bytes that several share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Room:
    """So many bytes at once; what needs more than all of them has them alone. First come, first served."""

    def __init__(self, most: int) -> None:
        self.used = 0
        self._most = most
        self._door = asyncio.Lock()
        self._left = asyncio.Event()

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room, and have it until the context is left."""
        async with self._door:
            while self.used and self.used + size > self._most:
                self._left.clear()
                await self._left.wait()
            self.used += size
        try:
            yield
        finally:
            self.used -= size
            self._left.set()
