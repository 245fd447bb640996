"""All the concerns of a stage in their order, as its policy says."""

import random
from typing import TypeVar

from ragstone_server.spi.clock import Clock
from ragstone_server.spi.stages import Stage
from ragstone_server.wrappers.bounded import bounded
from ragstone_server.wrappers.deadline import WithContext, with_deadline
from ragstone_server.wrappers.fallible import Outcome, fallible
from ragstone_server.wrappers.policy import StagePolicy
from ragstone_server.wrappers.retried import retried
from ragstone_server.wrappers.timed import timed

RequestT = TypeVar("RequestT", bound=WithContext)
ResultT = TypeVar("ResultT")


def governed(
    stage: Stage[RequestT, ResultT],
    name: str,
    policy: StagePolicy,
    clock: Clock,
    *,
    skip: bool,
    replacement: tuple[str, Stage[RequestT, ResultT]] | None = None,
) -> Stage[RequestT, Outcome[ResultT]]:
    """Bound each try, stop it in time, try again, replace or skip what failed, and time the whole.

    A replacement has the same policy, with places of its own, and its share of the time that is left then.
    """
    if replacement is not None:
        other, substitute = replacement
        replacement = other, _tried(substitute, name, policy, clock)
    tried = _tried(stage, name, policy, clock)
    return timed(fallible(tried, name, skip=skip, replacement=replacement), name, clock)


def _tried(stage: Stage[RequestT, ResultT], name: str, policy: StagePolicy, clock: Clock) -> Stage[RequestT, ResultT]:
    tried = stage if policy.concurrency is None else bounded(stage, policy.concurrency)
    tried = with_deadline(tried, name, clock, policy.deadline_share, policy.timeout_seconds)
    if policy.retries:
        tried = retried(tried, policy.retries, random.Random())  # noqa: S311 - jitter, not a secret
    return tried
