"""Deployments refuse what is of no use, count what was used, and are tried in the order of their route."""

import asyncio
import random
from collections import Counter

import pytest

from ragstone_server.routing.allowance import Allowance
from ragstone_server.routing.breaker import Breaker, BreakerState
from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.route import Route
from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.generator import (
    Fault,
    GenerateRequest,
    GeneratorFailed,
    MessageRole,
    PromptMessage,
)
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.testing.memory.generator import MemoryGenerator, Pause

REQUEST = GenerateRequest(
    context=CONTEXT,
    question="When?",
    search_text="When?",
    turns=(),
    evidence=(),
    max_output_tokens=60,
    prompt=(PromptMessage(role=MessageRole.USER, text="x" * 160),),
)


def deployment(
    clock: ManualClock,
    generator: MemoryGenerator,
    *,
    name: str = "one",
    tokens: int | None = None,
    weight: float | None = None,
) -> Deployment:
    return Deployment(
        route="default",
        name=name,
        model=generator.model,
        generator=generator,
        breaker=Breaker(clock, failures=2, seconds=30),
        allowance=Allowance(clock, None, tokens),
        weight=weight,
    )


async def ask(asked: Deployment) -> list[object]:
    async with asked(REQUEST) as events:
        return [event async for event in events]


async def test_one_that_fails_is_left_alone_and_tried_again_later() -> None:
    clock, healthy = ManualClock(), False
    generator = MemoryGenerator(lambda _: ("fine",) if healthy else (GeneratorFailed(Fault.UNAVAILABLE),))
    asked = deployment(clock, generator)
    for _ in range(3):
        with pytest.raises(GeneratorFailed) as error:
            await ask(asked)
    assert len(generator.requests) == 2
    assert error.value.retry_after_s == 30
    assert asked.health().state is BreakerState.OPEN
    assert (asked.health().requests, asked.health().failed, asked.health().last_fault) == (2, 2, Fault.UNAVAILABLE)
    healthy = True
    clock.advance(30)
    await ask(asked)
    assert asked.health().state is BreakerState.CLOSED


@pytest.mark.parametrize("innocent", [GeneratorFailed(Fault.REJECTED), DeadlineExceeded()])
async def test_what_says_nothing_about_its_health_opens_no_breaker(innocent: Exception) -> None:
    asked = deployment(ManualClock(), MemoryGenerator((innocent,)))
    for _ in range(5):
        with pytest.raises(type(innocent)):
            await ask(asked)
    assert asked.health().state is BreakerState.CLOSED


async def test_a_refusal_for_a_while_is_obeyed() -> None:
    clock = ManualClock()
    generator = MemoryGenerator((GeneratorFailed(Fault.RATE_LIMITED, retry_after_s=12.0),))
    asked = deployment(clock, generator)
    for _ in range(2):
        with pytest.raises(GeneratorFailed) as error:
            await ask(asked)
    assert len(generator.requests) == 1
    assert (error.value.fault, error.value.retry_after_s) == (Fault.RATE_LIMITED, 12.0)
    assert asked.wait(REQUEST) == 12.0


async def test_tokens_a_minute_are_obeyed_without_asking() -> None:
    clock = ManualClock()
    generator = MemoryGenerator(("x",))
    asked = deployment(clock, generator, tokens=100)
    await ask(asked)
    with pytest.raises(GeneratorFailed) as error:
        await ask(asked)
    assert error.value.fault is Fault.RATE_LIMITED
    assert len(generator.requests) == 1


async def test_what_a_caller_used_that_went_away_is_counted() -> None:
    asked = deployment(ManualClock(), MemoryGenerator(("12345678", Pause(seconds=3600))))

    async def leaving() -> None:
        async with asked(REQUEST) as events:
            async for _ in events:
                pass

    task = asyncio.ensure_future(leaving())
    while not asked.health().requests:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    health = asked.health()
    assert (health.input_tokens, health.output_tokens) == (40, 2)
    assert health.state is BreakerState.CLOSED


async def test_what_was_used_until_a_failure_is_told_with_it() -> None:
    asked = deployment(ManualClock(), MemoryGenerator(("12345678", GeneratorFailed(Fault.CUT))))
    with pytest.raises(GeneratorFailed) as error:
        await ask(asked)
    assert error.value.usage is not None
    assert (error.value.usage.input_tokens, error.value.usage.output_tokens) == (40, 2)
    assert error.value.usage.estimated


def test_weights_share_the_requests_and_the_others_follow_in_their_order() -> None:
    clock, dice = ManualClock(), random.Random(1)
    first, second = (
        deployment(clock, MemoryGenerator(), name=name, weight=weight) for name, weight in (("a", 3.0), ("b", 1.0))
    )
    third = deployment(clock, MemoryGenerator(), name="c")
    route = Route(name="default", deployments=(third, first, second))
    orders = [tuple(each.name for each in route.order(REQUEST, dice)) for _ in range(400)]
    begins = Counter(order[0] for order in orders)
    assert set(begins) == {"a", "b"}
    assert 2 < begins["a"] / begins["b"] < 4.5
    assert set(orders) == {("a", "c", "b"), ("b", "c", "a")}


async def test_one_that_cannot_now_comes_last() -> None:
    clock = ManualClock()
    limited = deployment(clock, MemoryGenerator((GeneratorFailed(Fault.RATE_LIMITED),)), name="a", weight=1)
    other = deployment(clock, MemoryGenerator(), name="b")
    route = Route(name="default", deployments=(limited, other))
    assert [each.name for each in route.order(REQUEST, random.Random(1))] == ["a", "b"]
    with pytest.raises(GeneratorFailed):
        await ask(limited)
    assert [each.name for each in route.order(REQUEST, random.Random(1))] == ["b", "a"]
