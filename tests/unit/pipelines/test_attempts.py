"""Falling back: silent before the first token, declared after it, and counted always."""

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.pipelines.events import AttemptDiscarded, AttemptStarted, Completed, Delta
from ragstone_server.pipelines.generate import Choice, Generate
from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.price import FREE, most_of
from ragstone_server.routing.route import Route, Routes
from ragstone_server.routing.settings import MidStream, Price
from ragstone_server.spi.errors import InvalidRequest, Overloaded, StageFailed
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import (
    UNASKED,
    Abstention,
    Fault,
    Finished,
    FinishReason,
    GenerateRequest,
    GeneratorFailed,
    MessageRole,
    PromptMessage,
    Usage,
    Window,
)
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.router import RouteChoice, RouteRequest
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.generator import MemoryGenerator, Step
from ragstone_server.testing.memory.host import MemoryLane
from ragstone_server.testing.memory.router import memory_router
from ragstone_server.wrappers.fallible import Degradation, fallible
from tests.unit.pipelines.house import routes

LANE = MemoryLane("interactive", 1)
ROUTER = fallible(memory_router, "router", skip=True)
WATERMARK = Watermark(epoch="e", collection=CollectionKey(1), position=Position(3))
REQUEST = GenerateRequest(
    context=CONTEXT,
    question="When?",
    search_text="When?",
    turns=(),
    evidence=(NumberedPassage(number=1, scored=scored(1, "nine"), range=ByteRange(start=0, end=4), text="nine"),),
    max_output_tokens=100,
)
CUT = GeneratorFailed(Fault.CUT, usage=Usage(input_tokens=7, output_tokens=2, estimated=True))
DOWN = GeneratorFailed(Fault.UNREACHABLE)
BUSY = GeneratorFailed(Fault.RATE_LIMITED, retry_after_s=60.0)
END = Finished(
    finish_reason=FinishReason.STOP,
    abstention=None,
    usage=Usage(input_tokens=10, output_tokens=3, estimated=False),
)


def model(name: str, *steps: Step) -> MemoryGenerator:
    return MemoryGenerator(steps, model=name)


async def told(
    *generators: MemoryGenerator, choice: MidStream | None = None, request: GenerateRequest = REQUEST, **settings: Any
) -> list[Any]:
    clock = MemoryClock()
    generate = Generate(routes(*generators, clock=clock, **settings), ROUTER, clock, random.Random(1), LANE)
    return [event async for event in generate(request, Choice(mid_stream=choice), WATERMARK)]


def faults(found: list[Any]) -> list[str | None]:
    assert isinstance(found[-1], Completed)
    return [attempt.fault for attempt in found[-1].attempts]


def of(kind: type, found: list[Any]) -> list[Any]:
    return [event for event in found if isinstance(event, kind)]


def read(found: list[Any]) -> str:
    """What a caller has before it who obeys the stream."""
    text = ""
    for event in found:
        if isinstance(event, AttemptDiscarded):
            text = ""
        if isinstance(event, Delta):
            text += event.text
    return text


async def test_before_the_first_token_falling_back_is_silent_and_recorded() -> None:
    found = await told(model("a", DOWN), model("b", "At nine [1].", END))
    assert [event.model for event in of(AttemptStarted, found)] == ["b"]
    assert not of(AttemptDiscarded, found)
    assert Degradation(stage="generator", reason="a failed and was replaced by b") in found
    assert faults(found) == ["unreachable", None]


async def test_restart_declares_void_what_was_said() -> None:
    found = await told(model("a", "At noon", CUT), model("b", "At nine [1].", END))
    assert [event.next_model for event in of(AttemptDiscarded, found)] == ["b"]
    assert [event.continues for event in of(AttemptStarted, found)] == [False, False]
    assert read(found) == found[-1].answer.text == "At nine [1]."


@pytest.mark.parametrize("choice", MidStream)
async def test_what_was_held_back_of_a_model_that_failed_is_forgotten(choice: MidStream) -> None:
    found = await told(model("a", " [", CUT), model("b+", "At nine [1].", END), choice=choice)
    assert read(found) == found[-1].answer.text == "At nine [1]."
    assert not of(AttemptDiscarded, found)


async def test_continue_goes_on_behind_what_was_said() -> None:
    first, second = model("a", "At nine [1]. And at", " ten [", CUT), model("b+", "night.", END)
    found = await told(first, second, choice=MidStream.CONTINUE)
    assert not of(AttemptDiscarded, found)
    assert [event.continues for event in of(AttemptStarted, found)] == [False, True]
    assert second.requests[0].prefix == "At nine [1]. And at ten"
    assert read(found) == found[-1].answer.text == "At nine [1]. And at tennight."
    assert len(found[-1].answer.citations) == 1


async def test_continue_begins_again_where_the_next_model_cannot_go_on() -> None:
    found = await told(model("a", "At noon", CUT), model("b", "At nine [1].", END), choice=MidStream.CONTINUE)
    assert len(of(AttemptDiscarded, found)) == 1
    assert found[-1].answer.text == "At nine [1]."


async def test_a_model_that_goes_on_may_find_that_all_was_said() -> None:
    found = await told(model("a", "At nine [1].", CUT), model("b+", END), choice=MidStream.CONTINUE)
    assert found[-1].answer.text == "At nine [1]."


async def test_fail_ends_the_stream_with_an_error() -> None:
    with pytest.raises(StageFailed) as error:
        await told(model("a", "At noon", CUT), model("b", "At nine.", END), choice=MidStream.FAIL)
    assert error.value.metadata == {"stage": "generator", "fault": "cut"}


async def test_fail_falls_back_silently_before_the_first_token() -> None:
    found = await told(model("a", DOWN), model("b", "At nine [1].", END), choice=MidStream.FAIL)
    assert found[-1].answer.text == "At nine [1]."


async def test_a_caller_chooses_only_where_it_may() -> None:
    with pytest.raises(InvalidRequest, match="does not let callers choose"):
        await told(model("a", END), choice=MidStream.FAIL, callers_choose=False)
    found = await told(model("a", "x", END), choice=MidStream.RESTART, callers_choose=False)
    assert found[-1].answer.text == "x"


def test_a_route_that_does_not_exist_is_named_with_those_that_do() -> None:
    clock = MemoryClock()
    generate = Generate(routes(model("a", END), clock=clock), ROUTER, clock, random.Random(1), LANE)
    with pytest.raises(InvalidRequest, match="no route 'best' to choose; there are: default"):
        generate.check(Choice(route="best"))


def test_a_route_that_callers_may_not_name_does_not_exist_for_them() -> None:
    clock = MemoryClock()
    only = routes(model("a", END), clock=clock).named("default")
    both = Routes({"default": only, "inner": replace(only, name="inner", by_name=False)})
    generate = Generate(both, ROUTER, clock, random.Random(1), LANE)
    generate.check(Choice())
    with pytest.raises(InvalidRequest, match="no route 'inner' to choose; there are: default"):
        generate.check(Choice(route="inner"))


async def test_usage_is_that_of_all_attempts_together() -> None:
    found = await told(model("a", "At noon", CUT), model("b", "At nine [1].", END))
    assert found[-1].usage == Usage(input_tokens=17, output_tokens=5, estimated=True)
    assert [attempt.usage.estimated for attempt in found[-1].attempts] == [True, False]


async def test_a_model_that_ends_without_a_word_has_failed() -> None:
    found = await told(model("a", END), model("b", "At nine [1].", END))
    assert faults(found) == ["empty", None]
    assert not of(AttemptDiscarded, found)


async def test_one_deployment_is_tried_again_after_a_pause() -> None:
    flaky = MemoryGenerator(lambda _: (DOWN,) if len(flaky.requests) < 2 else ("At nine [1].", END))
    found = await told(flaky, retries=1)
    assert faults(found) == ["unreachable", None]
    assert [event.why for event in of(AttemptStarted, found)] == ["tried again"]


@pytest.mark.parametrize("fault", [Fault.REJECTED, Fault.UNAUTHORIZED])
async def test_what_another_try_cannot_mend_is_not_tried_again(fault: Fault) -> None:
    refusing = model("a", GeneratorFailed(fault))
    with pytest.raises(StageFailed):
        await told(refusing, retries=3)
    assert len(refusing.requests) == 1


async def test_where_all_are_at_their_limits_the_caller_learns_when_to_come_again() -> None:
    with pytest.raises(Overloaded) as error:
        await told(model("a", BUSY), model("b", BUSY), retries=2)
    assert error.value.retry_after_s == 60.0


async def test_no_pause_outlasts_the_callers_deadline() -> None:
    clock = MemoryClock()
    late = replace(REQUEST, context=replace(CONTEXT, deadline=clock.monotonic() + 0.01))
    down = model("a", DOWN)
    with pytest.raises(StageFailed):
        await told(down, retries=5, request=late)
    assert len(down.requests) == 1


async def test_every_deployment_gets_its_turn_once_a_round() -> None:
    down = [model(name, DOWN) for name in "abc"]
    with pytest.raises(StageFailed):
        await told(*down, retries=1)
    assert [len(each.requests) for each in down] == [2, 2, 2]


async def routed(choice: RouteChoice | Exception, wanted: str = "") -> list[Any]:
    clock = MemoryClock()
    two = {name: Route(name=name, deployments=(only(name, clock),)) for name in ("default", "strong")}

    async def router(_: RouteRequest) -> RouteChoice:
        if isinstance(choice, Exception):
            raise choice
        return choice

    generate = Generate(Routes(two), fallible(router, "router", skip=True), clock, random.Random(1), LANE)
    return [event async for event in generate(REQUEST, Choice(route=wanted), WATERMARK)]


def only(name: str, clock: MemoryClock) -> Deployment:
    return routes(model(f"m-{name}", "At nine [1].", END), clock=clock).deployments()[0]


async def test_the_router_chooses_and_the_stream_says_why() -> None:
    found = await routed(RouteChoice(route="strong", why="joins 3 facts"))
    (started,) = of(AttemptStarted, found)
    assert (started.route, started.model, started.why) == ("strong", "m-strong", "joins 3 facts")
    (started,) = of(AttemptStarted, await routed(RouteChoice(route="strong", why="x"), wanted="default"))
    assert (started.route, started.why) == ("default", "the caller's choice")


@pytest.mark.parametrize("choice", [RouteChoice(route="gone", why="x"), ValueError("broken")])
async def test_a_router_that_fails_is_declared_and_the_default_route_answers(choice: RouteChoice | Exception) -> None:
    found = await routed(choice)
    assert isinstance(found[0], Degradation)
    assert found[0].stage == "router"
    assert of(AttemptStarted, found)[0].route == "default"


FILTERED = Finished(
    finish_reason=FinishReason.CONTENT_FILTER,
    abstention=None,
    usage=Usage(input_tokens=10, output_tokens=0, estimated=False),
)


async def test_where_the_filters_of_all_refuse_there_is_an_abstention() -> None:
    found = await told(model("a", FILTERED), model("b", GeneratorFailed(Fault.FILTERED)), retries=2)
    assert (found[-1].finish_reason, found[-1].abstention) == (FinishReason.ABSTAINED, Abstention.POLICY)
    assert set(faults(found)) == {"filtered"}
    assert found[-1].answer.text == ""
    assert of(AttemptStarted, found) == []


async def test_another_provider_may_answer_what_one_refuses() -> None:
    found = await told(model("a", FILTERED), model("b", "nine [1]", END))
    assert faults(found) == ["filtered", None]
    assert found[-1].answer.text == "nine [1]"


async def test_a_refusal_beside_a_failure_is_a_failure() -> None:
    with pytest.raises(StageFailed):
        await told(model("a", FILTERED), model("b", GeneratorFailed(Fault.MALFORMED)))


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
