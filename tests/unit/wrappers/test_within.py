"""A bounded wait."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ragstone_server.wrappers.within import within


class LateError(Exception):
    """The time was over."""


async def slow(seconds: float, value: str = "done") -> str:
    await asyncio.sleep(seconds)
    return value


async def quick() -> str:
    return "at once"


async def times_out() -> str:
    raise TimeoutError("of the work itself")


async def test_work_that_waits_for_nothing_is_returned_even_without_time() -> None:
    assert await within(0.0, quick(), LateError) == "at once"


async def test_work_that_waits_is_returned_in_time() -> None:
    assert await within(10.0, slow(0.001), LateError) == "done"
    assert await within(None, slow(0.001), LateError) == "done"


async def test_work_that_waits_several_times_goes_on_where_it_was() -> None:
    async def several() -> list[str]:
        return [await slow(0.001, str(number)) for number in range(3)]

    assert await within(10.0, several(), LateError) == ["0", "1", "2"]


async def test_work_that_takes_too_long_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(LateError):
        await within(0.01, work(), LateError)
    assert cancelled.is_set()


async def test_a_time_out_of_the_work_itself_is_not_ours() -> None:
    with pytest.raises(TimeoutError, match="of the work itself"):
        await within(10.0, times_out(), LateError)

    async def later() -> str:
        await asyncio.sleep(0.001)
        return await times_out()

    with pytest.raises(TimeoutError, match="of the work itself"):
        await within(10.0, later(), LateError)


async def test_a_future_may_be_waited_for() -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.001, future.set_result, "set")
    assert await within(10.0, future, LateError) == "set"


async def test_cancelling_reaches_the_work() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("work")

    task = asyncio.create_task(within(60.0, work(), LateError))
    await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["work"]


async def test_the_end_of_a_stream_passes() -> None:
    async def events() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0.001)
        yield 2

    stream = events()
    assert [await within(10.0, anext(stream), LateError) for _ in range(2)] == [1, 2]
    with pytest.raises(StopAsyncIteration):
        await within(10.0, anext(stream), LateError)
