"""Time, handed in: a simulation replaces it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall clock and monotonic clock."""

    def now(self) -> datetime:
        """The wall clock, with its time zone (UTC)."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; deadlines are on this scale, which is the event loop's own."""
        ...
