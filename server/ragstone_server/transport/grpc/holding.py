"""How many bytes of documents all Ingest streams hold together (promise P11)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Holding:
    """A common limit. A document that is larger than it is held alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self.bytes = 0

    @asynccontextmanager
    async def stream(self) -> AsyncIterator["StreamHolding"]:
        """What one stream holds; it is given back when the stream ends, however it ends."""
        held = StreamHolding(self)
        try:
            yield held
        finally:
            held.give_back(held.bytes)

    async def take(self, size: int) -> None:
        """Wait until there is room. First come, first served, so that a large document is not passed over for ever."""
        async with self._turn:
            while self.bytes and self.bytes + size > self._most:
                self._freed.clear()
                await self._freed.wait()
            self.bytes += size

    def give_back(self, size: int) -> None:
        """Make room."""
        self.bytes -= size
        self._freed.set()


class StreamHolding:
    """The bytes of one stream."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self.bytes = 0

    async def take(self, size: int) -> None:
        """Wait until there is room."""
        await self._holding.take(size)
        self.bytes += size

    def give_back(self, size: int) -> None:
        """Make room."""
        self.bytes -= size
        self._holding.give_back(size)
