"""Texts are judged against passages, over the wire."""

import re
from pathlib import Path
from typing import Any

import pytest

from ragstone import Abstention, AsyncClient, AttemptDiscarded, Client, Completed, InvalidArgument
from tests.providers.faulty import Answer, FaultyProvider, MalformedSse, Status, Verdicts
from tests.served import Served

PASSAGES = (
    "The harbour of Nordvik was opened in 1911. It takes 40 ships a day.",
    "The library lends 3,000 books a week. Grüße hang über the door.",
)
TEXT = "The harbour of Nordvik was opened in 1911 [1]. It takes 45 ships a day [1]. Grüße hang over the library's door."


def test_each_sentence_has_its_support(client: Client) -> None:
    grounding = client.check_grounding(TEXT, PASSAGES)
    assert [(each.supported, each.passage, each.cited) for each in grounding.sentences][:2] == [
        (True, 1, (1,)),
        (False, 1, (1,)),
    ]
    last = grounding.sentences[2]
    assert last.text == "Grüße hang over the library's door."
    assert last.passage == 2
    assert grounding.supported_share == sum(each.supported for each in grounding.sentences) / 3
    assert grounding.min_score == 0.6
    assert grounding.degraded == ()


async def test_so_does_the_client_for_asyncio(client: Client, server: Served) -> None:
    async with AsyncClient(server.address) as other:
        assert await other.check_grounding(TEXT, PASSAGES) == client.check_grounding(TEXT, PASSAGES)


@pytest.mark.parametrize(
    ("text", "passages", "field"),
    [
        ("", PASSAGES, "text"),
        ("It is so.", (), "passages"),
        ("It is so.", ("",), "passages[0]"),
        ("It is so.", ("x",) * 65, "passages"),
        ("x" * 20_000, PASSAGES, "text"),
    ],
)
def test_what_cannot_be_judged_is_told(client: Client, text: str, passages: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        client.check_grounding(text, passages)
    assert field in error.value.violations


def test_the_most_that_may_be_asked_is_answered(client: Client) -> None:
    words = "The harbour of Nordvik number {} takes {} ships a day. "
    passage = "".join(words.format(i, i + 7) for i in range(280))[:8_192]
    grounding = client.check_grounding(passage, [passage] * 64)
    assert len(grounding.sentences) > 140
    assert grounding.supported_share > 0.99


def answered(text: str) -> Answer:
    """What the model says, in its tokens."""
    return Answer(tokens=tuple(re.findall(r"\s*\S+", text)), usage=(50, 7))


def served_by(provider: FaultyProvider, data: Path, **settings: str) -> Served:
    """A server whose only model is the provider's."""
    deployment = f'{{ provider = "openai_compatible", model = "m", url = "{provider.url}", api_key = "env:KEY" }}'
    return Served(
        data,
        KEY="sk-of-the-test",
        RAGSTONE__GENERATOR__USE="routes",
        RAGSTONE__ROUTES__DEFAULT__DEPLOYMENTS=f"[{deployment}]",
        **settings,
    )


async def test_an_answer_tells_what_supports_it(tmp_path: Path) -> None:
    said = "The harbour of Nordvik was opened in 1911. It takes 45 ships a day [1]."
    async with FaultyProvider(always=answered(said)) as provider:
        with served_by(provider, tmp_path / "data") as served:
            async with AsyncClient(served.address) as client:
                await client.upsert_document("harbour", text=PASSAGES[0])
                answer = await client.ask("When was the harbour opened?", min_watermark="session")
    assert answer.grounding is not None
    assert [(each.text, each.supported) for each in answer.grounding.sentences] == [
        ("The harbour of Nordvik was opened in 1911.", True),
        ("It takes 45 ships a day [1].", False),
    ]
    attributed = answer.citations[0]
    assert (attributed.attributed, attributed.number, attributed.document) == (True, 1, "harbour")
    assert (
        answer.text.encode()[attributed.start : attributed.end].decode() == "The harbour of Nordvik was opened in 1911."
    )


async def test_an_unsupported_answer_becomes_an_abstention_with_its_evidence(tmp_path: Path) -> None:
    async with FaultyProvider(always=answered("It was built by Vikings in 870 [1].")) as provider:
        with served_by(provider, tmp_path / "data", RAGSTONE__GROUNDING__ON_UNSUPPORTED="abstain") as served:
            async with AsyncClient(served.address) as client:
                await client.upsert_document("harbour", text=PASSAGES[0])
                events = [
                    event async for event in client.query("Who built the harbour of Nordvik?", min_watermark="session")
                ]
                answer = await client.ask("Who built the harbour of Nordvik?")
    void, end = events[-2:]
    assert isinstance(void, AttemptDiscarded)
    assert void.next_model == ""
    assert isinstance(end, Completed)
    assert end.text == ""
    assert answer.abstention is Abstention.LOW_GROUNDING
    assert [passage.document for passage in answer.passages] == ["harbour"]


@pytest.mark.parametrize("plugin", ["openai_compatible", "litellm"])
async def test_a_model_judges_and_where_it_fails_words_do(tmp_path: Path, plugin: str) -> None:
    steps = (Status(code=500), answered("It looks fine to me."), MalformedSse(after=0))
    async with FaultyProvider(always=Verdicts()) as provider:
        served = Served(
            tmp_path / "data",
            KEY="sk-of-the-test",
            RAGSTONE__GROUNDING_CHECK__USE=plugin,
            RAGSTONE__GROUNDING_CHECK__MODEL="openai/judge" if plugin == "litellm" else "judge",
            RAGSTONE__GROUNDING_CHECK__URL=provider.url,
            RAGSTONE__GROUNDING_CHECK__API_KEY="env:KEY",
            RAGSTONE__GROUNDING_CHECK__ON_FAILURE="overlap",
        )
        with served:
            async with AsyncClient(served.address) as client:
                grounding = await client.check_grounding(TEXT, PASSAGES)
                assert [each.score for each in grounding.sentences] == [1.0, 0.0, 0.0]
                assert grounding.degraded == ()
                for step in steps:
                    provider.plan(step)
                    replaced = await client.check_grounding(TEXT, PASSAGES)
                    assert [degraded.reason for degraded in replaced.degraded] == ["failed and was replaced by overlap"]
                    assert replaced.sentences[0].supported
        assert "secret" not in served.log()
