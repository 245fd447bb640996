"""Events on their way out: what waits is joined, silence is broken, and a slow reader slows the answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from ragstone_server.pipelines.events import Delta, QueryEvent
from ragstone_server.transport.grpc.settings import GrpcSettings

WAITING_EVENTS = 256
"""Most events that wait for the reader; then the answer waits."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing was said for a while, and the stream is alive."""


@dataclass(frozen=True, slots=True)
class _End:
    failure: Exception | None


async def outgoing(
    events: AsyncGenerator[QueryEvent, None], settings: GrpcSettings
) -> AsyncGenerator[QueryEvent | Heartbeat, None]:
    """The events in their order. Deltas that wait together become one; one that waits alone is never delayed."""
    queue: asyncio.Queue[QueryEvent | _End] = asyncio.Queue(WAITING_EVENTS)
    producer = asyncio.create_task(_produce(events, queue), name="query-events")
    try:
        held: QueryEvent | _End | None = None
        while True:
            event = held or await _next(queue, settings.heartbeat_seconds)
            held = None
            if isinstance(event, Delta):
                event, held = _joined(event, queue, settings.max_coalesced_bytes)
            if isinstance(event, _End):
                if event.failure is not None:
                    raise event.failure
                return
            yield event
    finally:
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)


async def _produce(events: AsyncGenerator[QueryEvent, None], queue: asyncio.Queue[QueryEvent | _End]) -> None:
    failure: Exception | None = None
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put(event)
    except Exception as error:  # noqa: BLE001 - carried over to the task that reads the queue
        failure = error
    await queue.put(_End(failure))


async def _next(queue: asyncio.Queue[QueryEvent | _End], seconds: float) -> QueryEvent | _End | Heartbeat:
    try:
        async with asyncio.timeout(seconds):
            return await queue.get()
    except TimeoutError:
        return Heartbeat()


def _joined(
    delta: Delta, queue: asyncio.Queue[QueryEvent | _End], limit: int
) -> tuple[Delta, QueryEvent | _End | None]:
    """The delta with those that wait behind it, and the event after them that was taken out too soon."""
    texts, size = [delta.text], len(delta.text.encode())
    following = None
    while size < limit and not queue.empty():
        event = queue.get_nowait()
        if not isinstance(event, Delta):
            following = event
            break
        texts.append(event.text)
        size += len(event.text.encode())
    return Delta(text="".join(texts)), following
