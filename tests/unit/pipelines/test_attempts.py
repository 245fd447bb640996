"""Falling back: silent before the first token, declared after it, and counted always."""

import random
from dataclasses import replace
from typing import Any

import pytest

from ragstone_server.pipelines.events import AttemptDiscarded, AttemptStarted
from ragstone_server.pipelines.generate import Choice, Generate
from ragstone_server.routing.deployment import Deployment
from ragstone_server.routing.route import Route, Routes
from ragstone_server.routing.settings import MidStream
from ragstone_server.spi.errors import InvalidRequest, Overloaded, StageFailed
from ragstone_server.spi.generator import (
    Abstention,
    Fault,
    Finished,
    FinishReason,
    GeneratorFailed,
    Usage,
)
from ragstone_server.spi.router import RouteChoice, RouteRequest
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.generator import MemoryGenerator
from ragstone_server.wrappers.fallible import Degradation, fallible
from tests.unit.pipelines.attempts import (
    BUSY,
    CUT,
    DOWN,
    END,
    LANE,
    REQUEST,
    ROUTER,
    WATERMARK,
    faults,
    model,
    of,
    read,
    told,
)
from tests.unit.pipelines.house import routes


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
