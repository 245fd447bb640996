"""What a servicer knows of its call."""

from typing import Any

from grpc import aio

from ragstone_server.spi.clock import Clock


def deadline_of(context: "aio.ServicerContext[Any, Any]", clock: Clock) -> float | None:
    """When the caller stops waiting, on the clock's monotonic scale; None: never."""
    remaining = context.time_remaining()
    return None if remaining is None else clock.monotonic() + remaining
