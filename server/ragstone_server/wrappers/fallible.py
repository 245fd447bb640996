"""What happens when a stage fails: fail, skip, or another provider; and that the stream can say so."""

import logging
from dataclasses import dataclass
from typing import Generic, TypeVar

from ragstone_server.spi.errors import DeadlineExceeded, RequestError, StageFailed
from ragstone_server.spi.stages import Stage

logger = logging.getLogger(__name__)

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """A stage that was skipped or replaced."""

    stage: str
    reason: str
    """One sentence for the caller, without inner details."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[ResultT]):
    """The result of a stage that is allowed to fail."""

    result: ResultT | None
    """None: it was skipped."""
    degradation: Degradation | None
    """Set where the result is not the stage's own."""


def fallible(
    stage: Stage[RequestT, ResultT],
    name: str,
    *,
    skip: bool,
    replacement: tuple[str, Stage[RequestT, ResultT]] | None = None,
) -> Stage[RequestT, Outcome[ResultT]]:
    """Turn a failure into a skip or a replacement.

    Without either, or where the replacement fails too, it is raised as `StageFailed`, typed errors as they are.
    """

    async def call(request: RequestT, /) -> Outcome[ResultT]:
        try:
            return Outcome(result=await stage(request), degradation=None)
        except Exception as error:
            if replacement is None and not skip:
                if isinstance(error, RequestError):
                    raise
                raise StageFailed(f"the {name} failed", metadata={"stage": name}) from error
            unexpected = None if isinstance(error, RequestError) else error
            logger.warning("the %s failed: %s", name, type(error).__name__, exc_info=unexpected)
            why = "did not end in time" if isinstance(error, DeadlineExceeded) else "failed"
        if replacement is None:
            return Outcome(result=None, degradation=Degradation(stage=name, reason=f"{why} and was skipped"))
        other, substitute = replacement
        degradation = Degradation(stage=name, reason=f"{why} and was replaced by {other}")
        try:
            return Outcome(result=await substitute(request), degradation=degradation)
        except RequestError:
            raise
        except Exception as error:
            raise StageFailed(f"the {name} failed, and {other} in its place", metadata={"stage": name}) from error

    return call
