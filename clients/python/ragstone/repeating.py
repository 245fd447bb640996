"""When a stream that failed before its first message is asked for again.

Not gRPC's own retries: a server stream whose last attempt finds no server stays open there until its deadline (1.85).
"""

import random
import time
from collections.abc import Iterator

import grpc

from ragstone.channel import PAUSES_S
from ragstone.errors import RpcFailure

PUSHBACK = "grpc-retry-pushback-ms"


class Repeats:
    """The attempts of one call: how long each may take, and the pauses between them."""

    def __init__(self, timeout: float) -> None:
        """`timeout` in seconds, for all attempts."""
        self._until = time.monotonic() + timeout
        self._pauses: Iterator[float] = iter(PAUSES_S)

    def left(self) -> float:
        """Seconds for the next attempt."""
        return max(0.0, self._until - time.monotonic())

    def pause(self, error: RpcFailure) -> float | None:
        """Seconds to wait before the next attempt; None where another would not help or would come too late."""
        pause = next(self._pauses, None)
        asked = _pushback(error)
        if error.code() is not grpc.StatusCode.UNAVAILABLE or pause is None or (asked is not None and asked < 0):
            return None
        # Callers that a server refused together do not come back together.
        seconds = pause * random.uniform(0.8, 1.2) if asked is None else asked / 1000  # noqa: S311 - not a secret
        return seconds if seconds < self.left() else None


def _pushback(error: RpcFailure) -> int | None:
    """Milliseconds that the server asked to wait; negative where it asks not to come again (gRFC A6)."""
    for key, value in error.trailing_metadata() or ():  # type: ignore[attr-defined]
        if key == PUSHBACK:
            return int(value) if str(value).isdecimal() else -1
    return None
