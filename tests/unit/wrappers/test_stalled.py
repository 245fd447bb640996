"""A stream that says nothing for too long has failed; a slow reader has not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ragstone_server.wrappers.stalled import not_stalled


class Stalled(Exception):
    """It did."""


@asynccontextmanager
async def stage(pauses: tuple[float, ...]) -> AsyncIterator[AsyncIterator[int]]:
    opening, *between = pauses

    async def events() -> AsyncIterator[int]:
        for number, pause in enumerate(between):
            await asyncio.sleep(pause)
            yield number

    await asyncio.sleep(opening)
    yield events()


async def read(pauses: tuple[float, ...], first_s: float, next_s: float, reading_s: float = 0) -> list[int]:
    found = []
    async with not_stalled(stage, first_s, next_s, Stalled)(pauses) as events:
        async for event in events:
            found.append(event)
            await asyncio.sleep(reading_s)
    return found


async def test_one_that_keeps_going_is_whole() -> None:
    assert await read((0, 0, 0, 0), 60, 60) == [0, 1, 2]


@pytest.mark.parametrize("pauses", [(60.0,), (0, 60.0)])
async def test_the_first_event_has_a_time_of_its_own(pauses: tuple[float, ...]) -> None:
    with pytest.raises(Stalled):
        await read(pauses, 0.01, 60)


async def test_a_further_event_that_does_not_come_is_a_failure() -> None:
    with pytest.raises(Stalled):
        await read((0, 0, 60.0), 60, 0.01)


async def test_a_slow_reader_is_not_timed() -> None:
    assert await read((0, 0, 0), 0.05, 0.05, reading_s=0.1) == [0, 1]


async def test_a_time_out_of_the_stage_itself_stays_what_it_is() -> None:
    @asynccontextmanager
    async def failing(_: None) -> AsyncIterator[AsyncIterator[int]]:
        async def events() -> AsyncIterator[int]:
            raise TimeoutError("a socket")
            yield 1

        yield events()

    with pytest.raises(TimeoutError, match="a socket"):
        async with not_stalled(failing, 60, 60, Stalled)(None) as events:
            await anext(events)
