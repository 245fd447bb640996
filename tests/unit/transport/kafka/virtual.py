"""Time that passes at once where everything waits for it, and a test that ends where nothing will ever happen again."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class Stuck(BaseException):
    """All tasks wait for each other. No `Exception`: nobody is to survive it."""


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            if timeout is None:
                raise Stuck
            self.now += max(0.0, timeout)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Waits for nothing but its timers, and these it skips to. Threads are not for it."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run(work: Coroutine[Any, Any, None]) -> None:
    """To its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work)


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """An asynchronous test that may wait for hours."""

    @functools.wraps(test)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        run(test(*args, **kwargs))

    return wrapped
