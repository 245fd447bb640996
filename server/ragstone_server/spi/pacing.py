"""Work in the background that leaves most of the processor to others: a generator whose steps take some milliseconds each."""

import asyncio
from collections.abc import Generator
from typing import TypeAlias, TypeVar

from ragstone_server.spi.clock import Clock
from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.host import Lane

ResultT = TypeVar("ResultT")
Steps: TypeAlias = Generator[None, None, ResultT]
"""Yields between two steps; closing it undoes what is not finished."""


class Pace:
    """Runs steps in a lane and rests after each, so that they have a share of the time. In between the lane is free for others."""

    def __init__(self, lane: Lane, clock: Clock, share: float) -> None:
        """`share`: of one core, above 0, at most 1."""
        self._lane = lane
        self._clock = clock
        self._share = share

    async def run(self, steps: Steps[ResultT]) -> ResultT:
        """All steps, and their result. Cancelling waits for the step that runs, and closes them."""
        finished: list[ResultT] = []
        try:
            while True:
                seconds = await to_the_end(self._lane.run(self._advance, steps, finished))
                if finished:
                    return finished[0]
                # By the time that it took, not by what the processor worked: on a busy machine it rests longer.
                await asyncio.sleep(seconds * (1 - self._share) / self._share)
        finally:
            steps.close()

    def _advance(self, steps: Steps[ResultT], finished: list[ResultT]) -> float:
        began = self._clock.monotonic()
        try:
            next(steps)
        except StopIteration as end:
            finished.append(end.value)
        return self._clock.monotonic() - began


def at_once(steps: Steps[ResultT]) -> ResultT:
    """All steps one after the other, and their result."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        result: ResultT = end.value
        return result
