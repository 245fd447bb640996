"""A bounded wait, whose end is told from a time-out of what was waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def within(seconds: float | None, work: Awaitable[ResultT], late: Callable[[], Exception]) -> ResultT:
    """Wait for the work; raise `late()` when the time is over. A `TimeoutError` of the work itself passes as it is."""
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            return await work
    except TimeoutError as error:
        if timeout.expired():
            raise late() from error
        raise
