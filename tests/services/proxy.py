"""A proxy on the loopback that cuts, slows and freezes what passes."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

from tests.services.local import LOOPBACK, free_port

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds
_PIECE_BYTES: Final = 65_536


class Proxy:
    """Passes connections on to `target`, a host and a port. It has a loop and a thread of its own, so that any test may call it."""

    def __init__(self, target: str = "") -> None:
        """The target may be set later: a Kafka has to know the address of its proxy first."""
        self.target = target
        self.port = free_port()
        self.address = f"{LOOPBACK}:{self.port}"
        self._delay_s = 0.0
        self._bytes_per_s: float | None = None
        self._passing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""

        async def work() -> None:
            if self._server is not None:
                self._server.close()
                self._server = None
            for _ in range(3):  # rounds in which the loop hands over what it has accepted, and closes what was aborted
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await asyncio.sleep(0)

        self._call(work)

    def freeze(self) -> None:
        """Accept connections, and pass nothing until `mend`."""

        async def work() -> None:
            self._passing.clear()

        self._call(work)

    def slow(self, delay_s: float = 0.0, bytes_per_s: float | None = None) -> None:
        """Pass each piece after a delay and as fast as a bad line would, in both directions, until `mend`."""

        async def work() -> None:
            self._delay_s, self._bytes_per_s = delay_s, bytes_per_s

        self._call(work)

    def mend(self) -> None:
        """Pass everything at once."""

        async def work() -> None:
            self._delay_s, self._bytes_per_s = 0.0, None
            self._passing.set()
            if self._server is None:
                self._server = await asyncio.start_server(self._accepted, LOOPBACK, self.port)

        self._call(work)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._tasks)

    def _call(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is cancelled before its first step runs none of its lines.
        task.add_done_callback(lambda _: _reset(writer))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            await self._passing.wait()
            host, port = self.target.rsplit(":", 1)
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            ends.append(far_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, far_writer))
                both.create_task(self._pass(far_reader, writer))
            for end in ends:
                end.close()
        except (OSError, ExceptionGroup):
            pass  # one end is gone; the other one hears of it below
        finally:
            for end in ends:
                _reset(end)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(self._piece_bytes()):
            await asyncio.sleep(self._delay_s + (len(piece) / self._bytes_per_s if self._bytes_per_s else 0))
            await self._passing.wait()
            writer.write(piece)
            await writer.drain()
        writer.write_eof()

    def _piece_bytes(self) -> int:
        """A tenth of a second at most."""
        return min(_PIECE_BYTES, int(self._bytes_per_s / 10) + 1) if self._bytes_per_s else _PIECE_BYTES


def _reset(writer: asyncio.StreamWriter) -> None:
    """Unless it ends in order already."""
    transport = writer.transport
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
