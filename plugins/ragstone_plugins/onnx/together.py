"""Work in several tasks at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


async def together(work: Callable[[], Coroutine[Any, Any, None]], times: int) -> None:
    """Run `work` so many times at once. The first that fails stops the others, and its error is raised as it is."""
    if times <= 1:
        return await work()
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(times):
                tasks.create_task(work())
    except ExceptionGroup as failed:
        first = failed.exceptions[0]
        raise first from first.__cause__
