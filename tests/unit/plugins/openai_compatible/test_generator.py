"""What the provider is asked, and what becomes of a good answer."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from ragstone_plugins.openai_compatible.plugin import PROVIDER, ragstone_generators
from ragstone_plugins.openai_compatible.settings import OpenAICompatibleSettings
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.generator import (
    Abstention,
    Fault,
    Finished,
    FinishReason,
    GenerateRequest,
    GeneratorFailed,
    Sampling,
    Usage,
)
from ragstone_server.testing.conformance.generator import answer_text, collect
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.faulty import Answer, FaultyProvider, Quote
from tests.unit.plugins.openai_compatible.deployment import KEY, asked, deployed

SAMPLING = Sampling(temperature=0.0, stop=("END",), json_schema='{"type": "object"}')


async def finished(*steps: Answer, request: GenerateRequest | None = None) -> list[Finished]:
    async with FaultyProvider(*steps) as provider, deployed(provider.url) as generator:
        return [end for _ in steps for end in await collect(generator, request or asked()) if isinstance(end, Finished)]


async def test_asks_for_what_the_request_says() -> None:
    async with FaultyProvider() as provider, deployed(provider.url, headers={"X-Team": "search"}) as generator:
        assert generator.model == "small"
        await collect(generator, asked())
        await collect(generator, replace(asked(), sampling=SAMPLING))
        plain, sampled = provider.requests
        assert provider.accepted == 1
    messages = [{"role": message.role.value, "content": message.text} for message in asked().prompt]
    expected = {
        "model": "small",
        "messages": messages,
        "max_tokens": 200,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert plain.body == expected
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
    assert sampled.body == {**expected, "temperature": 0.0, "stop": ["END"], "response_format": schema}
    assert plain.headers["authorization"] == f"Bearer {KEY}"
    assert plain.headers["x-team"] == "search"
    assert plain.headers["content-type"] == "application/json"


async def test_goes_on_behind_a_beginning_where_the_deployment_can() -> None:
    begun = replace(asked(), prefix="The harbour of Nordvik")
    async with FaultyProvider(always=Quote()) as provider:
        async with deployed(provider.url, prefill=True, token_limit="max_completion_tokens") as generator:
            assert answer_text(await collect(generator, begun)) == " was opened in 1911. [1]"
            assert provider.requests[0].body["messages"][-1] == {"role": "assistant", "content": begun.prefix}
            assert provider.requests[0].body["max_completion_tokens"] == 200
        async with deployed(provider.url) as generator:
            with pytest.raises(GeneratorFailed) as caught:
                await collect(generator, begun)
            assert caught.value.fault is Fault.REJECTED


@pytest.mark.parametrize("change", [{"prompt": ()}, {"sampling": Sampling(json_schema="{")}])
async def test_what_cannot_be_asked_is_rejected_without_a_call(change: dict[str, object]) -> None:
    async with FaultyProvider() as provider, deployed(provider.url) as generator:
        with pytest.raises(GeneratorFailed) as caught:
            await collect(generator, replace(asked(), **change))  # type: ignore[arg-type]
        assert (caught.value.fault, provider.requests) == (Fault.REJECTED, [])


async def test_p7_no_evidence_is_an_abstention_without_a_call() -> None:
    async with FaultyProvider() as provider, deployed(provider.url) as generator:
        (end,) = await collect(generator, replace(asked(), evidence=()))
        assert isinstance(end, Finished)
        assert end.abstention is Abstention.NO_RELEVANT_CONTENT
        assert provider.requests == []


async def test_ends_have_their_reason_and_usage_that_of_the_provider() -> None:
    reasons = ("stop", "length", "content_filter", "eos", None)
    ends = await finished(*(Answer(finish_reason=reason) for reason in reasons))
    stop = FinishReason.STOP
    assert [end.finish_reason for end in ends] == [stop, FinishReason.LENGTH, FinishReason.CONTENT_FILTER, stop, stop]
    assert {end.usage for end in ends} == {Usage(input_tokens=11, output_tokens=7, estimated=False)}
    (filtered,) = await finished(Answer(tokens=(), finish_reason="content_filter"))
    assert filtered.finish_reason is FinishReason.CONTENT_FILTER


@pytest.mark.parametrize(("tokens", "count"), [(("a",) * 7, 7), (("a" * 400,), 100)])
async def test_usage_is_estimated_where_the_provider_does_not_tell(tokens: Iterable[str], count: int) -> None:
    (end,) = await finished(Answer(tokens=tuple(tokens), usage=None))
    characters = sum(len(message.text) for message in asked().prompt)
    assert end.usage == Usage(input_tokens=-(-characters // 4), output_tokens=count, estimated=True)


async def test_an_answer_is_whole_however_the_wire_cuts_it() -> None:
    tokens = ("\n ", "Grüße", " 😀", "", " \u2028", "[1]")
    async with FaultyProvider(Answer(tokens=tokens, piece_bytes=1)) as provider, deployed(provider.url) as generator:
        assert answer_text(await collect(generator, asked())) == "Grüße 😀 \u2028[1]"


async def test_p11_a_provider_that_ignores_the_limit_is_ended() -> None:
    endless = Answer(tokens=("word " * 100,) * 1000)
    (end,) = await finished(endless, request=replace(asked(), max_output_tokens=10))
    assert end.finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"url": "ftp://host/v1"}, "begins with http"),
        ({"url": "http:///v1"}, "begins with http"),
        ({"url": "http://user:secret@host/v1"}, "neither credentials"),
        ({"url": "http://host/v1?key=secret"}, "neither credentials"),
        ({"api_key": "secret\r\nX: y"}, "line break"),
        ({"headers": {"A": "sécret"}}, "outside ASCII"),
        ({"headers": {"A b": "secret"}}, "names of headers"),
        ({"tokenizer": "tokenizer.json"}, "set that too"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        OpenAICompatibleSettings.model_validate(settings)


async def test_does_not_start_without_model_and_url(tmp_path: Path) -> None:
    assert [provider.name for provider in ragstone_generators()] == ["openai_compatible"]
    async with MemoryHost(tmp_path, tmp_path) as host:
        with pytest.raises(StartError, match="set model and url"):
            async with PROVIDER.open(OpenAICompatibleSettings(), host):
                pass


async def test_the_environment_sends_no_document_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FaultyProvider() as provider, FaultyProvider() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with deployed(provider.url) as generator:
            await collect(generator, asked())
        assert (len(provider.requests), proxy.accepted) == (1, 0)


def test_secrets_are_never_shown() -> None:
    settings = OpenAICompatibleSettings.model_validate({"api_key": KEY, "headers": {"X-Key": KEY}})
    shown = (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump()))
    assert KEY not in "".join(shown)
