"""A bounded wait, whose end is told from a time-out of what was waited for."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Generic, TypeVar

ResultT = TypeVar("ResultT")


async def within(seconds: float | None, work: Awaitable[ResultT], late: Callable[[], Exception]) -> ResultT:
    """Wait for the work; raise `late()` when the time is over. A `TimeoutError` of the work itself passes as it is.

    Work that is done without waiting costs no timer: of a stream, most events wait already when they are asked for.
    """
    steps = work.__await__()
    try:
        awaited = next(steps)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            return await _Rest(steps, awaited)
    except TimeoutError as error:
        if timeout.expired():
            raise late() from error
        raise


class _Rest(Generic[ResultT]):
    """An awaitable that was begun: it waits for what it gave last, and goes on from there."""

    def __init__(self, steps: Generator[Any, Any, ResultT], awaited: object) -> None:
        self._steps = steps
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, ResultT]:
        awaited = self._awaited
        step: Callable[[], object]
        while True:
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 - handed on to the work, cancellation above all
                step = partial(self._steps.throw, error)
            else:
                step = partial(self._steps.send, sent)
            try:
                awaited = step()
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
