"""Answers in a format over real connections, by both plugins that speak to providers."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ragstone import AsyncClient, AttemptDiscarded, Client, Completed, InvalidArgument, RagstoneError
from tests.integration.test_routes import PLUGINS, end, read
from tests.providers.faulty import Answer, Cut, FaultyProvider
from tests.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "When was the harbour of Nordvik opened?"
SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "years": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["answer", "years"],
    "additionalProperties": False,
}
GOOD = '{"answer": "The harbour of Nordvik was opened in 1911 [1].", "years": [1, 1911]}'
"""Valid; its array of numbers is no citation."""


def said(text: str, size: int = 5, **more: Any) -> Answer:
    return Answer(tokens=tuple(text[i : i + size] for i in range(0, len(text), size)), usage=(50, 7), **more)


@dataclass
class House:
    """A server whose first provider says what a test wants, and whose second answers well."""

    client: AsyncClient
    first: FaultyProvider
    second: FaultyProvider

    async def ask(self, **options: Any) -> list[Any]:
        """All events of one answer in JSON."""
        async with asyncio.timeout(60):
            return [event async for event in self.client.query(QUESTION, **{"json_schema": SCHEMA, **options})]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PLUGINS)
async def open_house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    plugin = request.param
    model = "openai/m" if plugin == "litellm" else "m"
    async with FaultyProvider() as first, FaultyProvider(always=said(GOOD)) as second:
        both = [
            f'{{ provider = "{plugin}", name = "{name}", model = "{model}-{name}", url = "{provider.url}", '
            f'api_key = "env:KEY", prefill = true, writes_json = {json.dumps(writes)} }}'
            for name, provider, writes in (
                ("first", first, True),
                ("second", second, True),
                ("prose", first, False),
            )
        ]
        settings = {"KEY": "sk-of-the-test", "RAGSTONE__GENERATOR__USE": "routes"}
        for route, deployments in (
            ("DEFAULT", both[:2]),
            ("ALONE", both[:1]),
            ("PROSE", both[2:]),
            ("MIXED", both[1:]),
        ):
            settings[f"RAGSTONE__ROUTES__{route}__DEPLOYMENTS"] = f"[{', '.join(deployments)}]"
            settings[f"RAGSTONE__ROUTES__{route}__FIRST_TOKEN_SECONDS"] = "60.0"
        served = Served(tmp_path_factory.mktemp("formats") / "data", **settings)
        await asyncio.to_thread(served.start)
        try:
            async with AsyncClient(served.address) as client:
                await client.upsert_document("harbour", text="The harbour of Nordvik was opened in 1911.")
                await client.retrieve("harbour", min_watermark="session")
                yield House(client, first, second)
        finally:
            await asyncio.to_thread(served.terminate)
        assert "Traceback" not in served.log(), served.log()


@pytest.fixture
def it(open_house: House) -> House:
    open_house.first.forget()
    open_house.second.forget()
    return open_house


async def test_valid_json_streams_with_its_citations(it: House) -> None:
    it.first.plan(said(GOOD))
    events = await it.ask(route="default")
    completed = end(events)
    assert read(events) == completed.text == GOOD
    (citation,) = completed.citations
    assert GOOD.encode()[citation.start : citation.end].decode() == "The harbour of Nordvik was opened in 1911"
    assert completed.grounding is not None
    assert [each.supported for each in completed.grounding.sentences] == [True]
    body = it.first.requests[-1].body
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert json.dumps(SCHEMA) in body["messages"][-1]["content"]


async def test_the_client_gives_it_parsed(it: House) -> None:
    it.first.plan(said(GOOD.replace("[1].", "[1, 9].")))
    answer = await it.client.ask(QUESTION, json_schema=SCHEMA, route="default")
    assert answer.json() == json.loads(GOOD)


@pytest.mark.parametrize(
    "wrong",
    [
        said('{"answer": "It was opened in 1911 [1]."}'),
        said('{"answer": "It was opened in 1911 [1].", "years": ["1911"]}'),
        said(GOOD[:-3], finish_reason="length"),
        said(GOOD + " I hope that this helps!"),
    ],
    ids=["a field is missing", "a wrong type", "cut short", "chat behind it"],
)
async def test_invalid_json_is_declared_void_and_the_next_model_answers(it: House, wrong: Answer) -> None:
    it.first.plan(wrong)
    events = await it.ask(route="default")
    completed = end(events)
    assert [event.next_model[-8:] for event in events if isinstance(event, AttemptDiscarded)] == ["m-second"]
    assert [attempt.fault for attempt in completed.attempts] == ["invalid_format", ""]
    assert read(events) == completed.text == GOOD
    assert completed.usage.input_tokens == 100


async def test_json_that_breaks_off_is_never_continued(it: House) -> None:
    it.first.plan(Cut(after=3, tokens=('{"ans', 'wer": "It', " was")))
    events = await it.ask(route="default", mid_stream="CONTINUE")
    assert read(events) == GOOD
    assert it.second.requests[-1].body["messages"][-1]["role"] == "user"


async def test_a_fence_is_taken_off(it: House) -> None:
    it.first.plan(said(f"```json\n{GOOD}\n```\n", size=2))
    events = await it.ask(route="default")
    assert [attempt.fault for attempt in end(events).attempts] == [""]
    assert read(events) == GOOD


@pytest.mark.parametrize("text", ["NO_ANSWER", '{"answer": "NO_ANSWER", "years": []}'])
async def test_an_abstention_stays_one(it: House, text: str) -> None:
    it.first.plan(said(text, size=3))
    events = await it.ask(route="default")
    assert end(events).abstention is not None
    assert read(events) == end(events).text == ""
    assert not any(isinstance(event, AttemptDiscarded) for event in events)


async def test_where_no_deployment_obeys_the_error_is_typed(it: House) -> None:
    it.first.plan(said("In 1911."))
    with pytest.raises(RagstoneError) as error:
        await it.ask(route="alone")
    assert (error.value.reason, error.value.metadata["fault"]) == ("STAGE_FAILED", "invalid_format")


async def test_deployments_that_write_no_json_are_passed_over(it: House) -> None:
    completed = end(await it.ask(route="mixed"))
    assert [attempt.deployment for attempt in completed.attempts] == ["second"]
    with pytest.raises(InvalidArgument) as error:
        await it.ask(route="prose")
    assert "name another route (alone, default, mixed)" in error.value.violations["format"]
    assert it.first.requests == []


@pytest.mark.parametrize(
    "schema", ["{", '{"type": 7}', '{"$ref": "https://example.com/x.json"}', '{"properties": {"a": {"$ref": "#"}}}']
)
async def test_a_schema_that_cannot_be_used_is_refused_before_any_work(it: House, schema: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        await it.ask(json_schema=schema)
    assert set(error.value.violations) == {"json_schema"}
    assert it.first.requests == []


async def test_text_and_markdown_are_said_in_the_prompt(it: House) -> None:
    for wanted, rule in ((None, "plain text, without Markdown."), ("markdown", "Markdown.")):
        it.first.plan(said("It was opened in 1911 [1]."))
        end(await it.ask(route="default", json_schema=None, format=wanted))
        body = it.first.requests[-1].body
        assert body["messages"][0]["content"].endswith(f"Format of the answer: {rule}")
        assert "response_format" not in body


def closed(client: Client, **options: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as error:
        client.ask(QUESTION, **options)
    return error.value.violations


async def test_an_operator_says_what_callers_may_ask_for(tmp_path: Path) -> None:
    settings = {
        "FORMAT": "markdown",
        "FORMATS": '["text"]',
        "CONTEXT_TOKENS_LIMIT": "3000",
        "MAX_OUTPUT_TOKENS_LIMIT": "600",
        "CALLERS_SET_TEMPERATURE": "false",
        "CALLERS_SET_STOP": "false",
    }
    served = Served(tmp_path / "data", **{f"RAGSTONE__ANSWER__{key}": value for key, value in settings.items()})
    with served, served.client() as client:
        for options, what in (
            ({"temperature": 0.5}, "does not let callers set it"),
            ({"stop": ["."]}, "does not let callers set it"),
            ({"context_tokens": 3001}, "at most 3000 on this server, not 3001"),
            ({"max_output_tokens": 601}, "at most 600 on this server, not 601"),
            ({"format": "json", "json_schema": {}}, "does not answer in JSON; it does in TEXT, MARKDOWN"),
        ):
            violations = closed(client, **options)
            assert list(violations) == [next(iter(options))]
            assert what in violations[next(iter(options))]
        client.upsert_document("harbour", text="The harbour of Nordvik was opened in 1911.")
        answer = client.ask(
            QUESTION, min_watermark="session", context_tokens=3000, max_output_tokens=600, format="text"
        )
        assert "1911" in answer.text
        assert isinstance(list(client.query(QUESTION))[-1], Completed)
