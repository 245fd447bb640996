"""Answers in JSON over attempts: one that is not what was asked for is void, and the next deployment answers."""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragstone_server.pipelines.events import AttemptDiscarded, AttemptStarted, Completed
from ragstone_server.pipelines.generate import Choice, Generate
from ragstone_server.routing.breaker import BreakerState
from ragstone_server.routing.route import Routes
from ragstone_server.routing.settings import MidStream
from ragstone_server.spi.errors import InvalidRequest, StageFailed
from ragstone_server.spi.generator import Abstention, AnswerFormat, Finished, FinishReason, Sampling
from ragstone_server.spi.router import RouteChoice, RouteRequest
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.generator import MemoryGenerator
from ragstone_server.wrappers.fallible import Degradation, fallible
from tests.unit.pipelines.house import House, open_house, routes
from tests.unit.pipelines.test_attempts import CUT, END, LANE, REQUEST, ROUTER, WATERMARK, faults, model, of, read, told

SCHEMA = json.dumps({"type": "object", "properties": {"opened": {"type": "integer"}}, "required": ["opened"]})
ASKED = replace(REQUEST, sampling=Sampling(format=AnswerFormat.JSON, json_schema=SCHEMA))
GOOD = '{"opened": 9, "said": "At nine [1, 7].", "n": [1, 2]}'
SAID = '{"opened": 9, "said": "At nine [1].", "n": [1, 2]}'
CUT_SHORT = replace(END, finish_reason=FinishReason.LENGTH)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


async def test_a_valid_answer_passes_with_its_citations() -> None:
    found = await told(model("a", *GOOD, END), request=ASKED)
    assert read(found) == found[-1].answer.text == SAID
    (citation,) = found[-1].answer.citations
    assert citation.range.of(SAID.encode()) == "At nine"
    assert found[-1].invalid_citations == 1


@pytest.mark.parametrize("choice", [MidStream.RESTART, MidStream.CONTINUE])
async def test_an_invalid_answer_is_declared_void_and_the_next_model_begins_again(choice: MidStream) -> None:
    second = model("b+", *GOOD, END)
    found = await told(model("a", '{"opened": ', '"at nine"}', END), second, request=ASKED, choice=choice)
    (void,) = of(AttemptDiscarded, found)
    assert (void.reason, void.next_model) == ("the answer is not what its format asks for", "b+")
    assert faults(found) == ["invalid_format", None]
    assert second.requests[0].prefix == ""
    assert read(found) == found[-1].answer.text == SAID
    assert found[-1].usage.input_tokens == 20


async def test_half_an_answer_in_json_is_no_beginning() -> None:
    second = model("b+", *GOOD, END)
    found = await told(model("a", '{"said": "At noon', CUT), second, request=ASKED, choice=MidStream.CONTINUE)
    assert len(of(AttemptDiscarded, found)) == 1
    assert second.requests[0].prefix == ""


async def test_prose_instead_of_json_is_not_seen() -> None:
    found = await told(model("a", "At nine [1].", END), model("b", GOOD, END), request=ASKED)
    assert of(AttemptDiscarded, found) == []
    assert faults(found) == ["invalid_format", None]
    assert read(found) == SAID


async def test_json_that_was_cut_short_is_invalid_and_json_that_ended_in_time_is_not() -> None:
    found = await told(model("a", GOOD[:-9], CUT_SHORT), model("b", GOOD, CUT_SHORT), request=ASKED)
    assert faults(found) == ["invalid_format", None]
    assert found[-1].finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize("choice", MidStream)
async def test_where_no_deployment_writes_what_was_asked_for_the_error_says_so(choice: MidStream) -> None:
    silly = model("a", "{}", END)
    with pytest.raises(StageFailed) as error:
        await told(silly, request=ASKED, choice=choice, retries=3)
    assert error.value.metadata == {"stage": "generator", "fault": "invalid_format"}
    assert len(silly.requests) == 1


async def test_under_fail_the_stream_fails_once_something_was_said() -> None:
    second = model("b", GOOD, END)
    with pytest.raises(StageFailed):
        await told(model("a", '{"x": 1}', END), second, request=ASKED, choice=MidStream.FAIL)
    assert second.requests == []


async def test_no_schema_of_a_caller_opens_a_breaker() -> None:
    clock = MemoryClock()
    made = routes(model("a", "{}", END), clock=clock)
    generate = Generate(made, ROUTER, clock, random.Random(1), LANE)
    for _ in range(5):
        with pytest.raises(StageFailed):
            _ = [event async for event in generate(ASKED, Choice(), WATERMARK)]
    assert made.deployments()[0].health().state is BreakerState.CLOSED


async def test_an_abstention_needs_no_json() -> None:
    none = Finished(finish_reason=FinishReason.ABSTAINED, abstention=Abstention.NO_RELEVANT_CONTENT, usage=END.usage)
    for steps in ((none,), ('{"opened": 0, "said": "NO_ANSWER"}', END), ("[", '"NO_ANS', 'WER"]', END)):
        found = await told(model("a", *steps), request=ASKED)
        assert (found[-1].finish_reason, found[-1].abstention) == (
            FinishReason.ABSTAINED,
            Abstention.NO_RELEVANT_CONTENT,
        )
        assert (read(found), found[-1].answer.text) == ("", "")
        assert of(AttemptDiscarded, found) == []


async def test_an_abstention_behind_other_texts_takes_them_back() -> None:
    found = await told(model("a", '{"title": "Harbour", ', '"said": "NO_ANSWER"}', END), request=ASKED)
    assert [event.next_model for event in of(AttemptDiscarded, found)] == [""]
    assert (read(found), found[-1].abstention) == ("", Abstention.NO_RELEVANT_CONTENT)


async def test_a_deployment_that_writes_no_json_is_passed_over() -> None:
    quoting = MemoryGenerator(("At nine.", END), model="q", writes_json=False)
    found = await told(quoting, model("b", GOOD, END), request=ASKED)
    assert quoting.requests == []
    assert faults(found) == [None]
    assert not of(Degradation, found)


def two_routes(clock: MemoryClock, router: Any = ROUTER) -> Generate:
    """`default` quotes, `strong` and `inner` write JSON; `inner` is not for callers."""
    quoting = MemoryGenerator(("At nine.", END), model="q", writes_json=False)
    default = routes(quoting, clock=clock).named("default")
    strong = routes(model("s", GOOD, END), clock=clock).named("default")
    made = {"default": default, "strong": replace(strong, name="strong")}
    made["inner"] = replace(strong, name="inner", by_name=False)
    return Generate(Routes(made), router, clock, random.Random(1), LANE)


def test_a_route_that_writes_no_json_is_refused_with_one_that_does() -> None:
    generate = two_routes(MemoryClock())
    generate.check(Choice(route="default"))
    generate.check(Choice(), AnswerFormat.JSON)
    generate.check(Choice(route="strong"), AnswerFormat.JSON)
    with pytest.raises(InvalidRequest) as error:
        generate.check(Choice(route="default"), AnswerFormat.JSON)
    assert str(error.value) == "format: no model of route 'default' writes JSON; name another route (strong)"


def test_a_server_that_writes_no_json_says_so() -> None:
    clock = MemoryClock()
    quoting = routes(MemoryGenerator(model="q", writes_json=False), clock=clock)
    generate = Generate(quoting, ROUTER, clock, random.Random(1), LANE)
    for route in ("", "default"):
        with pytest.raises(InvalidRequest, match="format: no model of this server writes JSON; ask for text"):
            generate.check(Choice(route=route), AnswerFormat.JSON)


async def test_the_router_chooses_among_the_routes_that_write_json() -> None:
    seen: list[tuple[str, ...]] = []

    async def router(request: RouteRequest) -> RouteChoice:
        seen.append(request.routes)
        return RouteChoice(route="default", why="x")

    generate = two_routes(MemoryClock(), fallible(router, "router", skip=True))
    found: list[Any] = [event async for event in generate(ASKED, Choice(), WATERMARK)]
    assert seen == [("strong", "inner")]
    assert [event.route for event in of(AttemptStarted, found)] == ["strong"]
    assert isinstance(found[0], Degradation)


async def test_only_the_texts_of_an_answer_are_judged(house: House) -> None:
    await house.put("a", "The ferry leaves at nine.")
    house.generators = (model("m", '{"n": [1, 2], "opened": 9, "said": "The ferry leaves at nine."}', END),)
    sampling = Sampling(json_schema=SCHEMA)
    events = await house.events("When does the ferry leave?", sampling=sampling, answer_format=AnswerFormat.JSON)
    completed = events[-1]
    assert isinstance(completed, Completed)
    assert completed.grounding is not None
    said = completed.answer.text.encode()
    (judged,) = completed.grounding.sentences
    assert judged.sentence.range.of(said) == "The ferry leaves at nine."
    assert judged.sentence.cited == ()
    (citation,) = completed.answer.citations
    assert citation.attributed
    assert citation.range.of(said) == "The ferry leaves at nine."
    (asked,) = house.generators[0].requests
    assert asked.sampling.format is AnswerFormat.JSON


async def test_what_is_not_permitted_is_refused_before_any_work(house: House) -> None:
    with pytest.raises(InvalidRequest, match="json_schema"):
        await house.events("When?", answer_format=AnswerFormat.JSON)
    with pytest.raises(InvalidRequest, match="format"):
        house.generators = (MemoryGenerator(writes_json=False),)
        await house.events("When?", sampling=Sampling(json_schema=SCHEMA), answer_format=AnswerFormat.JSON)
    assert house.generators[0].requests == []
