"""Waiting for what must happen; bounded, because a hang is a failure."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE_S: Final = 60.0
"""Far more than anything takes that does not hang."""


def until(what: str, holds: Callable[[], T], *, patience_s: float = PATIENCE_S, pause_s: float = 0.05) -> T:
    """Return what `holds` returns as soon as that is true. `what` is what is said where it never is."""
    deadline = time.monotonic() + patience_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s in vain: {what}"
        time.sleep(pause_s)
    return found
