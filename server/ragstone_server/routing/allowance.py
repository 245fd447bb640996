"""What a provider lets us ask in a minute, by our own count and by what it says."""

from ragstone_server.spi.clock import Clock

MINUTE_S = 60.0
PAUSE_S = 1.0
"""After a refusal that names no time."""


class Allowance:
    """Requests and tokens a minute as buckets that fill steadily, and the pauses that the provider asked for."""

    def __init__(self, clock: Clock, requests: int | None, tokens: int | None) -> None:
        self._clock = clock
        self._requests = _Bucket(clock, requests) if requests else None
        self._tokens = _Bucket(clock, tokens) if tokens else None
        self._paused_until = float("-inf")

    def wait(self, tokens: int) -> float:
        """Seconds until a request of so many tokens may be sent; 0: now."""
        waits = [self._paused_until - self._clock.monotonic()]
        if self._requests is not None:
            waits.append(self._requests.wait(1))
        if self._tokens is not None:
            waits.append(self._tokens.wait(tokens))
        return max(0.0, *waits)

    def take(self, tokens: int) -> None:
        """A request of so many tokens is sent."""
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)

    def settle(self, expected: int, used: int) -> None:
        """It took so many tokens in the end."""
        if self._tokens is not None:
            self._tokens.take(used - expected)

    def pause(self, seconds: float | None) -> None:
        """The provider asked to be left alone for a while; None: it did not say for how long."""
        until = self._clock.monotonic() + (PAUSE_S if seconds is None else seconds)
        self._paused_until = max(self._paused_until, until)


class _Bucket:
    """Holds a minute's worth and fills steadily. It may go below zero: what is used is used."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = float(most)
        self._level = self._most
        self._at = clock.monotonic()

    def wait(self, amount: float) -> float:
        # More than a minute's worth may go when the bucket is full: else it could never go.
        lacking = min(amount, self._most) - self._now()
        return max(0.0, lacking * MINUTE_S / self._most)

    def take(self, amount: float) -> None:
        self._level = min(self._most, self._now() - amount)

    def _now(self) -> float:
        now = self._clock.monotonic()
        self._level = min(self._most, self._level + (now - self._at) * self._most / MINUTE_S)
        self._at = now
        return self._level
