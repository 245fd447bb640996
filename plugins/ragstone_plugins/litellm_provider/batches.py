"""Cuts work into requests that a provider takes, and makes several at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def batches(sizes: Sequence[int], most_items: int, most_total: int | None = None) -> Iterator[range]:
    """Ranges over the items, in order: none longer than `most_items`, none larger in sum than `most_total` but for one item."""
    start = total = 0
    for index, size in enumerate(sizes):
        full = most_total is not None and total + size > most_total
        if index > start and (full or index - start >= most_items):
            yield range(start, index)
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))


async def together(
    work: Callable[[ItemT], Awaitable[ResultT]], items: Iterable[ItemT], places: asyncio.Semaphore
) -> list[ResultT]:
    """Do the work on each item, as many at once as there are places; results in the order of the items.

    The first that fails stops the others, and its error is raised as it is.
    """

    async def placed(item: ItemT) -> ResultT:
        async with places:
            return await work(item)

    all_items = list(items)
    if len(all_items) == 1:
        return [await placed(all_items[0])]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(placed(item)) for item in all_items]
    except ExceptionGroup as failed:
        first = failed.exceptions[0]
        raise first from first.__cause__
    return [task.result() for task in tasks]
