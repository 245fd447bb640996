"""Work side by side: results in order, one failure as it is, nothing left running."""

import asyncio

import pytest

from ragstone_server.indexing.together import together


async def test_the_results_come_in_the_order_of_the_work() -> None:
    first_may_end = asyncio.Event()

    async def first() -> int:
        await first_may_end.wait()
        return 1

    async def second() -> int:
        first_may_end.set()
        return 2

    assert await together(first(), second()) == [1, 2]


async def test_a_failure_is_raised_as_it_is_and_the_rest_is_cancelled_first() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hanging() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def failing() -> None:
        await begun.wait()
        raise OSError("the disk is away")

    with pytest.raises(OSError, match="the disk is away") as caught:
        await together(hanging(), failing())
    assert ended.is_set()
    assert caught.value.__context__ is None


async def test_who_is_cancelled_leaves_nothing_running() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hanging() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(together(hanging()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
