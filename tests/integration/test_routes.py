"""Routes over real connections: one provider misbehaves, the other answers, and the caller reads one honest stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from ragstone import (
    Abstention,
    AsyncClient,
    AttemptDiscarded,
    AttemptStarted,
    Completed,
    Delta,
    Event,
    Evidence,
    FinishReason,
    MidStream,
    RagstoneError,
)
from tests.providers.faulty import (
    Answer,
    Cut,
    Empty,
    ErrorInside,
    FaultyProvider,
    MalformedSse,
    Quote,
    Stall,
    Status,
    Step,
    WrongContentType,
)
from tests.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLUGINS = ("openai_compatible", "litellm")
QUESTION = "When was the harbour opened?"
GOOD = Answer(tokens=("The", " harbour", " opened", " in", " 1911", " [1]", "."), usage=(50, 7))
SILENT: list[tuple[Step, str]] = [
    (Status(code=401), "unauthorized"),
    (Status(code=429, retry_after="7"), "rate_limited"),
    (Status(code=429), "rate_limited"),
    (Status(code=500), "unavailable"),
    (Status(code=503), "unavailable"),
    (Status(code=400), "rejected"),
    (Stall(after=-1), "stalled"),
    (Cut(after=-1), "cut"),
    (Empty(), "empty"),
    (WrongContentType(), "malformed"),
    (MalformedSse(after=0), "malformed"),
    (ErrorInside(after=0), "reported"),
]
MID_STREAM: list[tuple[Step, str]] = [
    (Stall(after=3), "stalled"),
    (Cut(after=3), "cut"),
    (MalformedSse(after=3), "malformed"),
    (ErrorInside(after=3), "reported"),
]


@dataclass
class House:
    """A server with two providers."""

    client: AsyncClient
    first: FaultyProvider
    second: FaultyProvider
    served: Served
    plugin: str

    async def ask(self, **options: Any) -> list[Event]:
        """All events of one answer."""
        async with asyncio.timeout(60):
            return [event async for event in self.client.query(QUESTION, **options)]


ROUTES: dict[str, dict[str, Any]] = {
    "default": {},
    "hasty": {"first_token_seconds": 1.0},
    "patient": {"stall_seconds": 600, "first_token_seconds": 600},
    "once": {"retries": 0},
    "waiting": {},
    "filtered": {"retries": 0},
    "priced": {"retries": 0},
    "limited": {},
}
"""A route has the health of its deployments to itself: what one test does to it, no other sees."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PLUGINS)
async def open_house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A server that all tests of a plugin share."""
    plugin = request.param
    model = "openai/m" if plugin == "litellm" else "m"
    async with FaultyProvider() as first, FaultyProvider(always=GOOD) as second:
        deployments = ", ".join(
            f'{{ provider = "{plugin}", name = "{name}", model = "{model}-{name}", url = "{provider.url}", '
            f'api_key = "env:KEY", prefill = {json.dumps(name == "second")} }}'
            for name, provider in (("first", first), ("second", second))
        )
        settings = {"KEY": "sk-of-the-test", "RAGSTONE__GENERATOR__USE": "routes"}
        for route, more in ROUTES.items():
            # litellm takes its time with the first request of a process.
            common = {"stall_seconds": 0.5, "first_token_seconds": 60.0, "breaker_failures": 1000}
            values = {key: json.dumps(value) for key, value in {**common, **more}.items()}
            priced = deployments.replace("prefill", 'price = { input = "2", output = "10" }, prefill')
            listed = priced if route == "priced" else deployments
            for key, value in {"deployments": f"[{listed}]", **values}.items():
                settings[f"RAGSTONE__ROUTES__{route.upper()}__{key.upper()}"] = value
        served = Served(tmp_path_factory.mktemp("routes") / "data", **settings)
        await asyncio.to_thread(served.start)
        try:
            async with AsyncClient(served.address) as client:
                await client.upsert_document("harbour", text="The harbour of Nordvik was opened in 1911.")
                await client.retrieve("harbour", min_watermark="session")
                house = House(client, first, second, served, plugin)
                end(await house.ask())
                yield house
        finally:
            await asyncio.to_thread(served.terminate)
        assert "Traceback" not in served.log(), served.log()
        assert "sk-of-the-test" not in served.log()
        assert "secret" not in served.log()


@pytest.fixture
def it(open_house: House) -> House:
    """The shared server, with providers that were told nothing and asked nothing."""
    open_house.first.forget()
    open_house.second.forget()
    return open_house


def read(events: list[Event]) -> str:
    """What a caller has before it that obeys the stream."""
    text = ""
    for event in events:
        match event:
            case AttemptDiscarded():
                text = ""
            case Delta():
                text += event.text
    return text


def end(events: list[Event]) -> Completed:
    assert [type(event) for event in events].count(Completed) == 1
    completed = events[-1]
    assert isinstance(completed, Completed)
    return completed


async def test_faults_before_the_first_token_are_silent_and_recorded(it: House) -> None:
    for step, fault in SILENT:
        if fault == "rate_limited":
            continue
        it.first.plan(step)
        events = await it.ask(route="hasty")
        completed = end(events)
        assert [attempt.fault for attempt in completed.attempts] == [fault, ""], step
        assert [event.deployment for event in events if isinstance(event, AttemptStarted)] == ["second"]
        assert not any(isinstance(event, AttemptDiscarded) for event in events)
        assert read(events) == completed.text == "The harbour opened in 1911 [1]."


@pytest.mark.parametrize(("retry_after", "route"), [("7", "waiting"), (None, "limited")])
async def test_a_provider_that_limits_its_rate_is_left_alone(it: House, retry_after: str | None, route: str) -> None:
    it.first.plan(Status(code=429, retry_after=retry_after))
    assert [attempt.fault for attempt in end(await it.ask(route=route)).attempts] == ["rate_limited", ""]
    asked = len(it.first.requests)
    assert [attempt.deployment for attempt in end(await it.ask(route=route)).attempts] == ["second"]
    assert len(it.first.requests) == asked == 1


async def test_faults_in_mid_stream_restart_and_are_declared(it: House) -> None:
    for step, fault in MID_STREAM:
        it.first.plan(step)
        events = await it.ask()
        completed = end(events)
        assert [attempt.fault for attempt in completed.attempts] == [fault, ""], step
        assert [event.deployment for event in events if isinstance(event, AttemptStarted)] == ["first", "second"]
        assert [event.next_model[-8:] for event in events if isinstance(event, AttemptDiscarded)] == ["m-second"]
        assert read(events) == completed.text == "The harbour opened in 1911 [1]."
        assert completed.attempts[0].usage.estimated
        assert not completed.attempts[1].usage.estimated


async def test_continue_prefills_what_was_said(it: House) -> None:
    it.first.plan(Cut(after=3))
    it.second.plan(Answer(tokens=(" in", " 1911", " [1]", ".")))
    events = await it.ask(mid_stream=MidStream.CONTINUE)
    assert read(events) == end(events).text == "The harbour opened in 1911 [1]."
    assert [event.continues for event in events if isinstance(event, AttemptStarted)] == [False, True]
    sent = it.second.requests[-1].body["messages"]
    assert sent[-1] == {"role": "assistant", "content": "The harbour opened"}


async def test_fail_ends_the_stream_with_a_typed_error(it: House) -> None:
    it.first.plan(Cut(after=3))
    with pytest.raises(RagstoneError) as error:
        await it.ask(mid_stream=MidStream.FAIL)
    assert (error.value.reason, error.value.metadata["fault"]) == ("STAGE_FAILED", "cut")


async def test_where_all_fail_the_error_is_typed_and_no_text(it: House) -> None:
    it.first.plan(Status(code=500))
    it.second.plan(Status(code=503))
    with pytest.raises(RagstoneError) as error:
        await it.ask(route="once")
    assert error.value.reason == "STAGE_FAILED"
    it.first.plan(Status(code=429, retry_after="9"))
    it.second.plan(Status(code=429, retry_after="5"))
    with pytest.raises(RagstoneError) as error:
        await it.ask(route="once")
    assert error.value.reason == "OVERLOADED"
    assert error.value.retry_after is not None
    assert 3 < error.value.retry_after <= 5


@pytest.mark.parametrize(("reason", "expected"), [("length", "LENGTH"), ("content_filter", "CONTENT_FILTER")])
async def test_an_answer_that_was_cut_short_says_so(it: House, reason: str, expected: str) -> None:
    it.first.plan(Answer(tokens=("The", " harbour"), finish_reason=reason))
    assert end(await it.ask()).finish_reason == FinishReason[expected]


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(tokens=(), finish_reason="content_filter"),
        Status(code=400, body={"error": {"message": "filtered", "type": "invalid", "code": "content_filter"}}),
    ],
)
async def test_what_no_provider_lets_pass_ends_as_an_abstention(it: House, refusal: Step) -> None:
    it.first.plan(refusal)
    it.second.plan(refusal)
    completed = end(await it.ask(route="filtered"))
    assert completed.abstention is Abstention.POLICY
    assert [attempt.fault for attempt in completed.attempts] == ["filtered", "filtered"]


async def test_a_budget_refuses_before_anything_is_spent(it: House) -> None:
    events = await it.ask(route="priced", max_cost=0.0001)
    completed = end(events)
    assert [event for event in events if isinstance(event, Evidence) and event.passages]
    assert not [event for event in events if isinstance(event, AttemptStarted | Delta)]
    assert (completed.usage.input_tokens, completed.usage.output_tokens) == (0, 0)
    assert completed.abstention is Abstention.BUDGET
    assert [attempt.fault for attempt in completed.attempts] == ["over_budget", "over_budget"]
    assert it.first.arrived.empty()
    assert it.second.arrived.empty()
    assert end(await it.ask(route="priced", max_cost=1)).abstention is None
    assert end(await it.ask(max_cost=1)).abstention is Abstention.BUDGET  # nobody knows the prices of this route


async def test_a_model_without_an_answer_abstains(it: House) -> None:
    it.first.plan(Answer(tokens=("NO", "_ANSWER", ".")))
    events = await it.ask()
    assert end(events).abstention is not None
    assert read(events) == end(events).text == ""


async def test_a_caller_that_leaves_closes_the_providers_connection(it: House) -> None:
    it.first.plan(Stall(after=2))
    asking = it.client.query(QUESTION, route="patient")
    async for event in asking:
        if isinstance(event, Delta):
            break
    seen = await it.first.arrived.get()
    await asking.aclose()
    async with asyncio.timeout(30):
        await seen.closed.wait()
    assert not seen.closed_by_us


async def test_a_model_reads_the_evidence_and_quotes_it(it: House) -> None:
    it.first.plan(Quote())
    completed = end(await it.ask(temperature=0.2, stop=["Question:"], max_output_tokens=64))
    assert completed.text.startswith("The harbour of Nordvik was opened in 1911.")
    assert completed.citations
    assert completed.prompt_version == "builtin-1"
    body = it.first.requests[-1].body
    assert (body["temperature"], body["stop"], body["model"]) == (0.2, ["Question:"], "m-first")
    assert it.first.requests[-1].headers["authorization"] == "Bearer sk-of-the-test"
