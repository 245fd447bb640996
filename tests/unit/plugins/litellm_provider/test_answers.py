"""What is asked, and what is answered."""

import json
from dataclasses import replace

import pytest

from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.generator import (
    Abstention,
    Fault,
    Finished,
    FinishReason,
    Generator,
    GeneratorFailed,
    Sampling,
    TextDelta,
    Usage,
)
from ragstone_server.testing.conformance.generator import (
    HARBOUR,
    OPENED,
    answer_text,
    collect,
    generate_request,
    numbered,
)
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.faulty import TOKENS, Answer, FaultyProvider, Quote
from tests.unit.plugins.litellm_provider.conftest import Opening

REQUEST = generate_request(OPENED, numbered(1, HARBOUR))


async def test_deltas_come_as_they_were_sent_and_usage_is_the_providers(
    generator: Generator, provider: FaultyProvider
) -> None:
    *deltas, end = await collect(generator, REQUEST)
    assert deltas == [TextDelta(text=token) for token in TOKENS]
    assert end == Finished(
        finish_reason=FinishReason.STOP,
        abstention=None,
        usage=Usage(input_tokens=11, output_tokens=7, estimated=False),
    )
    seen = await provider.arrived.get()
    assert seen.headers["authorization"] == "Bearer secret-key"
    assert (seen.body["model"], seen.body["max_tokens"]) == ("small", 200)
    assert (seen.body["stream"], seen.body["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_says_why_an_answer_ended(generator: Generator, provider: FaultyProvider, reason: str) -> None:
    provider.plan(Answer(finish_reason=reason))
    end = (await collect(generator, REQUEST))[-1]
    assert isinstance(end, Finished)
    assert end.finish_reason == reason


async def test_an_answer_that_was_filtered_away_is_filtered_not_empty(
    generator: Generator, provider: FaultyProvider
) -> None:
    provider.plan(Answer(tokens=(), finish_reason="content_filter"))
    (end,) = await collect(generator, REQUEST)
    assert isinstance(end, Finished)
    assert end.finish_reason is FinishReason.CONTENT_FILTER


async def test_usage_is_estimated_where_the_provider_does_not_tell(
    generator: Generator, provider: FaultyProvider
) -> None:
    provider.plan(Answer(usage=None))
    end = (await collect(generator, REQUEST))[-1]
    assert isinstance(end, Finished)
    assert end.usage.estimated
    assert end.usage.input_tokens > 0
    assert end.usage.output_tokens == -(-len("".join(TOKENS)) // 4)


async def test_an_answer_may_repeat_itself(generator: Generator, provider: FaultyProvider) -> None:
    provider.plan(Answer(tokens=("same",) * 300))
    assert answer_text(await collect(generator, REQUEST)) == "same" * 300


async def test_characters_in_halves_are_joined_and_leading_blanks_taken_off(
    generator: Generator, provider: FaultyProvider
) -> None:
    provider.plan(Answer(tokens=(" ", "\n", " é", "\ud83d", "\ude00", "!"), piece_bytes=1))
    events = await collect(generator, REQUEST)
    assert answer_text(events) == "é😀!"
    assert all(event.text for event in events if isinstance(event, TextDelta))


async def test_without_evidence_nothing_is_asked(generator: Generator, provider: FaultyProvider) -> None:
    (end,) = await collect(generator, generate_request(OPENED))
    assert isinstance(end, Finished)
    assert end.abstention is Abstention.NO_RELEVANT_CONTENT
    assert provider.accepted == 0


async def test_sampling_is_handed_on(generator: Generator, provider: FaultyProvider) -> None:
    schema = {"type": "object", "properties": {"year": {"type": "integer"}}}
    sampling = Sampling(temperature=0.5, stop=("END",), json_schema=json.dumps(schema))
    await collect(generator, replace(REQUEST, sampling=sampling))
    body = provider.requests[0].body
    assert (body["temperature"], body["stop"]) == (0.5, ["END"])
    assert body["response_format"]["json_schema"]["schema"] == schema


async def test_an_answer_goes_on_behind_a_beginning(opening: Opening, provider: FaultyProvider) -> None:
    provider.always = Quote()
    begun = replace(REQUEST, prefix="The harbour of Nordvik")
    async with opening(prefill=True) as generator:
        assert answer_text(await collect(generator, begun)) == " was opened in 1911. [1]"
    async with opening() as generator:
        with pytest.raises(GeneratorFailed) as failed:
            await collect(generator, begun)
    assert failed.value.fault is Fault.REJECTED
    assert len(provider.requests) == 1


async def test_text_that_utf8_cannot_say_is_no_error(generator: Generator, provider: FaultyProvider) -> None:
    await collect(generator, generate_request("When\ud800?", numbered(1, HARBOUR)))
    assert "When??" in str(provider.requests[0].body["messages"])


async def test_extra_parameters_reach_the_provider(opening: Opening, provider: FaultyProvider) -> None:
    async with opening(extra={"extra_headers": {"x-team": "search"}, "seed": 7}) as generator:
        await collect(generator, REQUEST)
    seen = provider.requests[0]
    assert (seen.headers["x-team"], seen.body["seed"]) == ("search", 7)


async def test_a_deadline_that_passed_is_the_callers(
    generator: Generator, provider: FaultyProvider, host: MemoryHost
) -> None:
    late = replace(REQUEST, context=replace(REQUEST.context, deadline=host.clock.monotonic() - 1))
    with pytest.raises(DeadlineExceeded):
        await collect(generator, late)
    assert provider.accepted == 0


async def test_a_generator_that_closes_leaves_the_others_their_connections(
    opening: Opening, generator: Generator, provider: FaultyProvider
) -> None:
    async with opening() as other, generator(REQUEST) as events:
        assert await anext(events) == TextDelta(text=TOKENS[0])
        await collect(other, REQUEST)
    async with generator(REQUEST) as events:
        async with opening() as other:
            await collect(other, REQUEST)
        assert len([event async for event in events]) == len(TOKENS) + 1
