"""A circuit breaker: leaves a deployment alone that fails, and tries it again carefully."""

from enum import StrEnum

from ragstone_server.spi.clock import Clock


class BreakerState(StrEnum):
    """Whether requests pass."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """They do not."""
    HALF_OPEN = "half_open"
    """One at a time does, to find out."""


class Breaker:
    """Opens after so many failures in a row, half-opens after a while, closes with the first success."""

    def __init__(self, clock: Clock, failures: int, seconds: float) -> None:
        self._clock = clock
        self._most = failures
        self._seconds = seconds
        self._opened: float | None = None
        self._probing = False
        self.failures = 0
        """In a row."""

    @property
    def state(self) -> BreakerState:
        """As it is now."""
        if self._opened is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.wait() > 0 else BreakerState.HALF_OPEN

    def wait(self) -> float:
        """Seconds until it lets a request try; 0 where it does."""
        if self._opened is None:
            return 0.0
        return max(0.0, self._opened + self._seconds - self._clock.monotonic())

    def enter(self) -> bool:
        """Whether the request may pass; one that may is followed by `succeeded`, `failed` or `left`."""
        state = self.state
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._probing):
            return False
        self._probing = state is BreakerState.HALF_OPEN
        return True

    def succeeded(self) -> None:
        """The deployment answered."""
        self.failures, self._opened, self._probing = 0, None, False

    def failed(self) -> None:
        """The deployment failed."""
        self.failures += 1
        self._probing = False
        if self._opened is not None or self.failures >= self._most:
            self._opened = self._clock.monotonic()

    def left(self) -> None:
        """The request ended without telling anything of the deployment."""
        self._probing = False
