"""What is waited for, and how long."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.reasons import Reason

logger = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 20.0

_TRANSIENT = frozenset(
    {
        Reason.CATALOG_UNAVAILABLE,
        Reason.STORAGE_FULL,
        Reason.OVERLOADED,
        Reason.STAGE_FAILED,
        Reason.DEADLINE_EXCEEDED,
        Reason.SHUTTING_DOWN,
        # The configuration is wrong, not the event: all of them would end as dead letters.
        Reason.GENERATION_MISMATCH,
    }
)


def pauses() -> Iterator[float]:
    """Seconds before each further try: longer and longer, with jitter, so that many who wait do not come at once."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        pause = min(LONGEST_PAUSE_S, pause * 2)


def is_transient(error: Exception) -> bool:
    """Whether waiting may help, as long as it takes."""
    return isinstance(error, RequestError) and error.reason in _TRANSIENT


class Patience:
    """Waits for what is away, and says why, so that somebody may look after it."""

    def __init__(self, name: str) -> None:
        self.why = ""
        """What is waited for; empty: nothing."""
        self._name = name
        self._logged = ""

    def wait_for(self, why: str) -> None:
        """It does not go on; `over` when it does."""
        self.why = why
        self.log(why)

    def over(self) -> None:
        """What was waited for is there."""
        self.why = ""

    def progressed(self) -> None:
        """Something was applied: what is said from now on is news."""
        self.why = self._logged = ""

    def log(self, why: str) -> None:
        """Once for each reason: it is tried time and again."""
        if why != self._logged:
            self._logged = why
            logger.warning("%s waits: %s", self._name, why)

    async def persistently(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Call until it succeeds, or fails for good."""
        for pause in pauses():
            try:
                result = await call()
            except RequestError as error:
                if not is_transient(error):
                    raise
                self.wait_for(error.message)
            else:
                self.over()
                return result
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")


def told(error: BaseException) -> str:
    """What is known of an error that nobody knows."""
    return f"{type(error).__name__}: {error}"
