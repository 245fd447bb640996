"""Clocks for tests: the real one, and one that stands still until it is moved."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


class MemoryClock:
    """The real time; fits `spi.clock.Clock`."""

    def now(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on the event loop's own scale."""
        return time.monotonic()


class ManualClock:
    """Time that passes only when a test says so; fits `spi.clock.Clock`."""

    def __init__(self, now: datetime = _EPOCH, monotonic: float = 0.0) -> None:
        self._now = now
        self._monotonic = monotonic

    def now(self) -> datetime:
        """The wall clock as it was set, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that were let pass, on a scale of its own."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks; it never goes back."""
        if seconds < 0:
            raise ValueError("time does not go back; `set` moves the wall clock alone")
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set(self, now: datetime) -> None:
        """Set the wall clock, back too, as an operator does; the monotonic one goes on as before."""
        self._now = now.astimezone(UTC)
