"""A real HTTP server that speaks OpenAI's chat completions, and misbehaves as a script says.

It stands on bare TCP, because it must break what any HTTP framework would keep whole.
"""

import asyncio
import json
import socket
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, cast

from tests.providers.chunks import Json, models
from tests.providers.player import Player, Seen
from tests.providers.steps import (
    TOKENS,
    Answer,
    Cut,
    Empty,
    ErrorInside,
    MalformedSse,
    Quote,
    Stall,
    Status,
    Step,
    Verdicts,
    WrongContentType,
)

__all__ = [
    "TOKENS",
    "Answer",
    "Cut",
    "Empty",
    "ErrorInside",
    "FaultyProvider",
    "MalformedSse",
    "Quote",
    "Seen",
    "Stall",
    "Status",
    "Step",
    "Verdicts",
    "WrongContentType",
    "refused",
]


@contextmanager
def refused() -> Iterator[str]:
    """URL of a port that refuses connections: bound, so that nobody else takes it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


class FaultyProvider:
    """An async context manager. Each request plays the next step of its model's queue, else of the common queue, else `always`.

    `requests` has all that came, `arrived` gives them one by one, `open` counts the connections that are open now.
    """

    def __init__(self, *steps: Step, always: Step | None = None, port: int = 0) -> None:
        self.requests: list[Seen] = []
        self.arrived: asyncio.Queue[Seen] = asyncio.Queue()
        self.accepted = 0
        """Connections until now."""
        self.always: Step = always or Answer()
        self.url = ""
        """Base, as clients want it."""
        self._queues: dict[str | None, deque[Step]] = defaultdict(deque)
        self._connections: set[_Connection] = set()
        self._port = port
        self._server: asyncio.Server | None = None
        self.plan(*steps)

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._connections)

    def plan(self, *steps: Step, model: str | None = None) -> None:
        """What further requests get, one each; of this model, or of any."""
        self._queues[model].extend(steps)

    def forget(self) -> None:
        """Forget what was planned and asked."""
        self._queues.clear()
        self.requests.clear()
        self.arrived = asyncio.Queue()

    def next_step(self, model: str | None) -> Step:
        """What the request of this model gets."""
        queue = next((self._queues[key] for key in (model, None) if self._queues[key]), None)
        return queue.popleft() if queue else self.always

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.player.close(reset=True)
        while self._connections:
            await asyncio.sleep(0)
        await self._server.wait_closed()

    def connected(self, connection: "_Connection") -> None:
        self.accepted += 1
        self._connections.add(connection)

    def disconnected(self, connection: "_Connection") -> None:
        self._connections.discard(connection)


class _Connection(asyncio.Protocol):
    """One client, kept alive from request to request."""

    def __init__(self, provider: FaultyProvider) -> None:
        self._provider = provider
        self._buffer = b""
        self._seen: list[Seen] = []
        self._playing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.player = Player(cast(asyncio.Transport, transport))
        self._provider.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._provider.disconnected(self)
        if self._playing is not None:
            self._playing.cancel()
        for seen in self._seen:
            seen.closed_by_us = self.player.closed_by_us
            seen.closed.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._playing is None:
            self._take()

    def _take(self) -> None:
        """Begin to answer the next request, if it is here whole."""
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        path = first.split()[1]
        body: Json = json.loads(rest[:length]) if length else {}
        asks = path.endswith("/chat/completions")
        step = self._provider.next_step(body.get("model")) if asks else Answer()
        seen = Seen(path=path, headers=headers, body=body, step=step)
        if asks:
            self._seen.append(seen)
            self._provider.requests.append(seen)
            self._provider.arrived.put_nowait(seen)
            self._playing = asyncio.ensure_future(self._answer(seen))
        elif path.endswith("/models"):
            self.player.respond(200, models("small", "large"))
        else:
            self.player.respond(404, {"error": {"message": "no such path", "type": "not_found"}})

    async def _answer(self, seen: Seen) -> None:
        await self.player.play(seen, seen.step)
        self._playing = None
        self._take()
