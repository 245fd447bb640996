"""Several pieces of work at once, of which none outlives the others."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


async def together(*work: Coroutine[Any, Any, ResultT]) -> list[ResultT]:
    """All results, in order. The first failure cancels the rest, and is raised as it is when they have ended."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failures:
        first = failures.exceptions[0]
    else:
        return [task.result() for task in tasks]
    # Outside of the handler, so that the group is not told as what was being handled.
    raise first
