"""What an answer may cost, and what is not asked for it."""

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ragstone_server.pipelines.events import AttemptDiscarded, AttemptStarted
from ragstone_server.pipelines.generate import Choice, Generate
from ragstone_server.routing.price import FREE, most_of
from ragstone_server.routing.settings import Price
from ragstone_server.spi.errors import InvalidRequest, Overloaded, StageFailed
from ragstone_server.spi.generator import (
    UNASKED,
    Abstention,
    Fault,
    FinishReason,
    GeneratorFailed,
    MessageRole,
    PromptMessage,
    Usage,
    Window,
)
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.generator import MemoryGenerator
from tests.unit.pipelines.attempts import BUSY, END, LANE, REQUEST, ROUTER, WATERMARK, faults, model, of, told
from tests.unit.pipelines.house import routes


async def spending(max_cost: str, *priced: tuple[MemoryGenerator, Price | None], **settings: Any) -> list[Any]:
    """With a limit, of models with their prices."""
    clock = MemoryClock()
    of_all = routes(*(generator for generator, _ in priced), clock=clock, **settings)
    for deployment, (_, price) in zip(of_all.deployments(), priced, strict=True):
        deployment.price = price
    generate = Generate(of_all, ROUTER, clock, random.Random(1), LANE)
    return [event async for event in generate(REQUEST, Choice(max_cost=Decimal(max_cost)), WATERMARK)]


DEAR = Price(input=Decimal(10), output=Decimal(100))
"""A hundred tokens of an answer cost a cent."""
CHEAP = Price(input=Decimal(0), output=Decimal(1))


async def test_a_model_that_may_cost_too_much_is_not_asked() -> None:
    dear, cheap = model("dear", "nine [1]", END), model("cheap", "nine [1]", END)
    found = await spending("0.009", (dear, DEAR), (cheap, CHEAP))
    assert faults(found) == ["over_budget", None]
    assert dear.requests == []


async def test_nor_is_one_whose_price_nobody_knows() -> None:
    unknown = model("unknown", "nine [1]", END)
    found = await spending("100", (unknown, None), retries=2)
    assert (found[-1].finish_reason, found[-1].abstention) == (FinishReason.ABSTAINED, Abstention.BUDGET)
    assert unknown.requests == []
    assert of(AttemptStarted, found) == []


async def test_what_failed_attempts_have_used_is_spent() -> None:
    spent = GeneratorFailed(Fault.CUT, usage=Usage(input_tokens=0, output_tokens=60, estimated=False))
    other = model("b", "nine [1]", END)
    with pytest.raises(StageFailed):
        await spending("0.015", (model("a", spent), DEAR), (other, DEAR))
    assert other.requests == []
    assert faults(await spending("0.017", (model("a", spent), DEAR), (other, DEAR))) == ["cut", None]


async def test_what_is_passed_over_is_no_failure_and_uses_nothing() -> None:
    found = await spending("0.009", (model("dear", "nine [1]", END), DEAR), (model("cheap", "nine [1]", END), CHEAP))
    (started,) = of(AttemptStarted, found)
    assert started.why == "dear was passed over (over_budget)"
    assert found[-1].attempts[0].usage == UNASKED
    assert not found[-1].usage.estimated


async def test_who_waits_for_a_cheap_model_learns_for_how_long() -> None:
    with pytest.raises(Overloaded) as error:
        await spending("0.009", (model("dear"), DEAR), (model("cheap", BUSY), CHEAP))
    assert error.value.retry_after_s == 60.0


async def test_too_small_or_too_dear_is_a_matter_of_the_budget() -> None:
    small = MemoryGenerator((), model="small", window=Window(tokens=64, count=len))
    found = await spending("0.009", (small, CHEAP), (model("dear"), DEAR))
    assert (faults(found), found[-1].abstention) == (["too_long", "over_budget"], Abstention.BUDGET)
    with pytest.raises(InvalidRequest):
        await spending("0.009", (small, CHEAP))


async def test_the_prompt_is_paid_by_the_models_own_tokens() -> None:
    request = replace(REQUEST, prompt=(PromptMessage(role=MessageRole.USER, text="x" * 992),))
    thousand = Price(input=Decimal(1000), output=Decimal(0))  # a tenth of a cent a token
    assert most_of(thousand, Window(tokens=10_000, count=len), request) == 1
    assert most_of(thousand, Window(tokens=10_000, count=lambda text: len(text) // 10), request) == Decimal("0.107")
    assert most_of(thousand, None, request) == Decimal("0.256")  # a guess: four letters a token


async def test_what_a_filter_cuts_off_is_void() -> None:
    found = await told(model("a", "At ni", GeneratorFailed(Fault.FILTERED)), retries=0)
    assert [event.next_model for event in of(AttemptDiscarded, found)] == [""]
    assert (found[-1].abstention, found[-1].answer.text) == (Abstention.POLICY, "")


async def test_what_is_free_may_always_be_asked() -> None:
    assert faults(await spending("0", (model("a", "nine [1]", END), FREE))) == [None]
