"""A proxy before PostgreSQL that reads what passes, to count how often a client waits for an answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.services.local import LOOPBACK

SYNC, QUERY = b"S", b"Q"
"""What a client says last before it waits: the end of a pipeline, or a statement without parameters."""
READY = b"Z"
"""What the server says when it has answered."""
FLUSH = b"H"


class Counted:
    """The messages of all connections by their type."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: Counter[bytes] = Counter()
        self.answered: Counter[bytes] = Counter()

    @property
    def round_trips(self) -> int:
        """How often a client waited; as often the server was ready for the next."""
        assert self.asked[SYNC] + self.asked[QUERY] == self.answered[READY]
        return self.answered[READY]

    def clear(self) -> None:
        """Count anew."""
        self.asked.clear()
        self.answered.clear()


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[tuple[str, Counted]]:
    """The URL of the proxy, without encryption, and what passed it."""
    parts = urlsplit(url)

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass(reader, far_writer, _reading(counted.asked, startup=True)))
                both.create_task(_pass(far_reader, writer, _reading(counted.answered, startup=False)))
        except* OSError:
            pass  # one end is gone

    server = await asyncio.start_server(accepted, LOOPBACK, 0)
    host, port = server.sockets[0].getsockname()
    counted = Counted(f"{host}:{port}")
    login = parts.netloc.rpartition("@")[0]
    async with server:
        query = "sslmode=disable&gssencmode=disable"
        yield parts._replace(netloc=f"{login}@{counted.address}", query=query).geturl(), counted


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, read: Callable[[bytes], None]) -> None:
    while piece := await reader.read(65_536):
        read(piece)
        writer.write(piece)
        await writer.drain()
    writer.close()


def _reading(counter: Counter[bytes], *, startup: bool) -> Callable[[bytes], None]:
    """Takes pieces of a stream. A message is its type, its length without that, and the rest; the first of a client has no type."""
    buffer = bytearray()
    typed = not startup

    def read(piece: bytes) -> None:
        nonlocal typed
        buffer.extend(piece)
        while len(buffer) >= (begin := 1 if typed else 0) + 4:
            size = begin + int.from_bytes(buffer[begin : begin + 4], "big")
            if len(buffer) < size:
                return
            if typed:
                counter[bytes(buffer[:1])] += 1
            typed = True
            del buffer[:size]

    return read
