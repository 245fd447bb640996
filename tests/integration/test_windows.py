"""Prompts fit the models that read them, counted by a real tokenizer, over real connections."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from ragstone import Abstention, AsyncClient, Completed, Degraded, InvalidArgument
from ragstone_server.spi.model_tokenizer import guessed_tokens
from ragstone_server.spi.token_estimates import MESSAGE_TOKENS
from tests.models import MODELS
from tests.providers.faulty import Answer, FaultyProvider, Status
from tests.served import Served

TOKENIZER = MODELS / "all-minilm-l6-v2" / "tokenizer.json"
QUESTION = "When does the ferry to Nordvik leave?"
WINDOW, ANSWER = 700, 60
LARGE = Answer(tokens=("Nine", " [1]", "."), usage=(50, 3))
SMALL = Answer(tokens=("Nine", " [1]", ". Free", " [8]", "."), usage=(50, 5))


def toml(value: object) -> str:
    """The value, as it stands in a line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def served_by(plugin: str, data: Path, *deployments: dict[str, object]) -> Served:
    """A server with these models, in their order."""
    common: dict[str, object] = {"provider": plugin, "api_key": "env:KEY"}
    listed = ", ".join(toml({**common, **each}) for each in deployments)
    return Served(
        data,
        KEY="sk-of-the-test",
        RAGSTONE__GENERATOR__USE="routes",
        RAGSTONE__ROUTES__DEFAULT__DEPLOYMENTS=f"[{listed}]",
        RAGSTONE__ROUTES__DEFAULT__FIRST_TOKEN_SECONDS="60",
        RAGSTONE__ANSWER__MAX_OUTPUT_TOKENS=str(ANSWER),
        RAGSTONE__ANSWER__NEIGHBOURS="0",
    )


@pytest.mark.parametrize("plugin", ["openai_compatible", "litellm"])
async def test_the_next_model_is_given_what_fits_its_window(tmp_path: Path, plugin: str) -> None:
    prefix = "openai/" if plugin == "litellm" else ""
    async with FaultyProvider(always=Status(code=500)) as down, FaultyProvider(always=SMALL) as small:
        large = {"model": f"{prefix}large", "url": down.url}
        own = TOKENIZER if plugin == "litellm" else TOKENIZER.parent
        other = {"model": f"{prefix}small", "url": small.url, "window": WINDOW, "tokenizer": str(own)}
        with served_by(plugin, tmp_path / "data", large, other) as served:
            async with AsyncClient(served.address) as client:
                for i in range(8):
                    about = f"Notice {i}: The ferry {i} to Nordvik leaves at {i + 9}. "
                    await client.upsert_document(
                        f"ferry-{i}",
                        text=about
                        + "".join(
                            f"Berth {i * 7 + n} has place number {n} for boats of {n + 20 * i} feet. "
                            for n in range(12)
                        ),
                    )
                events = [event async for event in client.query(QUESTION, min_watermark="session")]
        asked = [await small.arrived.get() for _ in range(small.arrived.qsize())][-1]
    end = events[-1]
    assert isinstance(end, Completed)
    assert 1 <= end.passages_in_prompt < 8
    assert end.text == "Nine [1]. Free."
    (told,) = [event for event in events if isinstance(event, Degraded) and event.stage == "prompt"]
    assert told.reason.startswith(f"{8 - end.passages_in_prompt} of 8 passages did not fit the window of")
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.no_truncation()
    texts = [message["content"] for message in asked.body["messages"]]
    counted = sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)
    assert WINDOW - ANSWER - 160 < counted <= WINDOW - ANSWER


async def test_a_question_too_long_for_all_models_is_refused_and_nobody_asked(tmp_path: Path) -> None:
    async with FaultyProvider(always=LARGE) as provider:
        tiny = {"model": "tiny", "url": provider.url, "window": 100}
        with served_by("openai_compatible", tmp_path / "data", tiny) as served:
            async with AsyncClient(served.address) as client:
                await client.upsert_document("ferry", text="The ferry to Nordvik leaves at nine.")
                with pytest.raises(InvalidArgument) as error:
                    await client.ask(QUESTION, min_watermark="session")
        assert provider.arrived.empty()
    assert "search.question" in error.value.violations


async def test_a_failed_attempt_at_a_model_that_cannot_be_reached_costs_nothing(tmp_path: Path) -> None:
    price = {"input": "1000", "output": "0"}
    async with FaultyProvider(always=SMALL) as provider:
        gone = {"provider": "litellm", "model": "openai/gone", "url": "http://127.0.0.1:9/v1", "price": price}
        answering = {"model": "small", "url": provider.url, "price": price}
        with served_by("openai_compatible", tmp_path / "data", gone, answering) as served:
            async with AsyncClient(served.address) as client:
                await client.upsert_document("ferry", text="The ferry to Nordvik leaves at nine.")
                await client.ask(QUESTION, min_watermark="session")
                messages = (await provider.arrived.get()).body["messages"]
                once = sum(guessed_tokens(message["content"]) + MESSAGE_TOKENS for message in messages) / Decimal(1000)
                assert (await client.ask(QUESTION, max_cost=once * Decimal("1.2"))).abstention is None
                assert (await client.ask(QUESTION, max_cost=once * Decimal("0.9"))).abstention is Abstention.BUDGET


def test_a_tokenizer_that_cannot_be_read_refuses_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    served = served_by(
        "openai_compatible",
        tmp_path / "data",
        {"model": "m", "url": "http://127.0.0.1:9/v1", "window": 4096, "tokenizer": str(broken)},
    )
    with pytest.raises(AssertionError):
        served.start()
    served.kill()
    assert "cannot be read as a tokenizer" in served.log()
