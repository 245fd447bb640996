"""How long each stage of a request took, collected while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """One call of one stage."""

    stage: str
    seconds: float


_current: ContextVar[list[StageTime] | None] = ContextVar("stage_times", default=None)


@contextmanager
def collected() -> Iterator[list[StageTime]]:
    """Collect the times of the stages that are called inside, in the order in which they end."""
    times: list[StageTime] = []
    token = _current.set(times)
    try:
        yield times
    finally:
        _current.reset(token)


def note(stage: str, seconds: float) -> None:
    """Add a time to the collection of the request, if there is one."""
    times = _current.get()
    if times is not None:
        times.append(StageTime(stage=stage, seconds=seconds))
