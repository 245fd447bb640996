"""P10: another provider that takes over is governed as the one that failed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.errors import DeadlineExceeded, InvalidRequest, StageFailed
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.wrappers.fallible import Degradation, Outcome
from ragstone_server.wrappers.governed import governed
from ragstone_server.wrappers.policy import StagePolicy

REPLACED = Degradation(stage="fuse", reason="failed and was replaced by other")


@dataclass(frozen=True)
class Asked:
    context: RequestContext = CONTEXT


async def broken(request: Asked, /) -> str:
    raise ValueError("secret detail")


async def endless(request: Asked, /) -> str:
    await asyncio.Event().wait()
    return "never"


def replaced_by(
    substitute: Callable[[Asked], Awaitable[str]], clock: ManualClock, **policy: object
) -> Callable[[Asked], Awaitable[Outcome[str]]]:
    """A stage that always fails, and what takes over."""

    async def other(request: Asked, /) -> str:
        return await substitute(request)

    settings = StagePolicy.model_validate(policy)
    return governed(broken, "fuse", settings, clock, skip=False, replacement=("other", other))


async def test_p10_a_replacement_that_fails_too_is_a_failure_of_the_stage() -> None:
    with pytest.raises(StageFailed) as caught:
        await replaced_by(broken, ManualClock())(Asked())
    assert caught.value.metadata == {"stage": "fuse"}
    assert "secret" not in caught.value.message
    assert isinstance(caught.value.__cause__, ValueError)


async def test_p10_a_typed_error_of_a_replacement_stays_as_it_is() -> None:
    async def picky(request: Asked, /) -> str:
        raise InvalidRequest

    with pytest.raises(InvalidRequest):
        await replaced_by(picky, ManualClock())(Asked())


@pytest.mark.parametrize(
    ("deadline", "policy"),
    [(0.0, {}), (None, {"timeout_seconds": 0.01})],
    ids=["deadline", "timeout"],
)
async def test_p10_a_replacement_ends_in_time(deadline: float | None, policy: dict[str, object]) -> None:
    stage = replaced_by(endless, ManualClock(), **policy)
    with pytest.raises(DeadlineExceeded) as caught:
        await stage(Asked(replace(CONTEXT, deadline=deadline)))
    assert caught.value.metadata == {"stage": "fuse"}


async def test_p10_a_replacement_is_tried_again() -> None:
    tries = []

    async def flaky(request: Asked, /) -> str:
        tries.append(request)
        if len(tries) == 1:
            raise ValueError
        return "answer"

    outcome = await replaced_by(flaky, ManualClock(), retries=1)(Asked())
    assert outcome == Outcome(result="answer", degradation=REPLACED)
    assert len(tries) == 2


async def test_p10_a_replacement_is_bounded() -> None:
    inside, most = 0, 0

    async def counting(request: Asked, /) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        return "answer"

    stage = replaced_by(counting, ManualClock(), concurrency=2)
    outcomes = await asyncio.gather(*(stage(Asked()) for _ in range(7)))
    assert outcomes == [Outcome(result="answer", degradation=REPLACED)] * 7
    assert most == 2
