"""Blocking work of an operation in a thread of its own: paced, with its progress kept, ended where the operation is."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from ragstone_server.operations.kinds import Run, Values
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.critical import to_the_end
from ragstone_server.spi.errors import RagstoneError
from ragstone_server.spi.snapshots import SnapshotStage, Watch

ResultT = TypeVar("ResultT")

KEPT_EVERY_S = 1.0
"""Between two saves of the progress."""
LONGEST_REST_S = 1.0


class Stopped(RagstoneError):
    """Whoever wanted the work has gone."""


class Watched:
    """Fits `Watch`."""

    def __init__(self, clock: Clock, share: float, guard: Callable[[SnapshotStage], None] = lambda stage: None) -> None:
        """`share` of the time is worked, the rest is left to others; `guard` raises to end the work."""
        self.at: tuple[SnapshotStage, int, int] | None = None
        """How far it is; None: not begun."""
        self._clock = clock
        self._share = share
        self._guard = guard
        self._stop = threading.Event()
        self._resumed = clock.monotonic()

    def __call__(self, stage: SnapshotStage, done: int, total: int, /) -> None:
        """Note, look, rest."""
        self.at = stage, done, total
        self._guard(stage)
        worked = self._clock.monotonic() - self._resumed
        if self._stop.wait(min(LONGEST_REST_S, worked * (1 - self._share) / self._share)):
            raise Stopped
        self._resumed = self._clock.monotonic()

    def stop(self) -> None:
        """Have the work end before its next piece."""
        self._stop.set()


async def in_thread(watched: Watched, work: Callable[[Watch], ResultT]) -> ResultT:
    """The result. Cancelling ends the work, and waits for that."""
    task = asyncio.ensure_future(asyncio.to_thread(work, watched))
    try:
        return await asyncio.shield(task)
    finally:
        await _ended(watched, task)


async def followed(run: Run, progress: Values, watched: Watched, work: Callable[[Watch], ResultT]) -> ResultT:
    """The result; how far the work is stands beside `progress` in the operation. Cancelling the operation ends the work."""
    task = asyncio.ensure_future(asyncio.to_thread(work, watched))
    try:
        kept = None
        while True:
            done, _ = await asyncio.wait({task}, timeout=KEPT_EVERY_S)
            if done:
                return task.result()
            run.check()
            if watched.at is not None and watched.at != kept:
                kept = watched.at
                await run.step({**progress, **_told(kept)})
    finally:
        await _ended(watched, task)


async def _ended(watched: Watched, task: "asyncio.Future[Any]") -> None:
    watched.stop()
    if not task.done():
        with suppress(Exception):
            await to_the_end(task)


def _told(at: tuple[SnapshotStage, int, int]) -> Values:
    stage, done, total = at
    return {"stage": stage.value, "done": done, "total": total}
