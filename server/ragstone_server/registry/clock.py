"""The real clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Fits `spi.clock.Clock`."""

    def now(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on the event loop's own scale."""
        return time.monotonic()
