"""Every fault of a provider, through the real litellm."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from ragstone_plugins.litellm_provider.plugin import GENERATOR
from ragstone_plugins.litellm_provider.settings import LitellmGeneratorSettings
from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.generator import Fault, Generator, GeneratorFailed, TextDelta
from ragstone_server.testing.conformance.generator import HARBOUR, OPENED, collect, generate_request, numbered
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.faulty import (
    TOKENS,
    Answer,
    Cut,
    Empty,
    ErrorInside,
    FaultyProvider,
    MalformedSse,
    Stall,
    Status,
    Step,
    WrongContentType,
    refused,
)
from tests.providers.prompted import prompt_for
from tests.unit.plugins.litellm_provider.conftest import Opening

REQUEST = generate_request(OPENED, numbered(1, HARBOUR))
OPENAI, OTHERS = "openai/small", "hosted_vllm/small"
"""A model through the openai package, and one through litellm's own client."""
JSON = WrongContentType(content_type="application/json", body='{"error": {"message": "secret"}}')
FAULTS: list[tuple[Step, Fault]] = [
    (Status(code=400), Fault.REJECTED),
    (Status(code=401), Fault.UNAUTHORIZED),
    (Status(code=403), Fault.UNAUTHORIZED),
    (Status(code=404), Fault.REJECTED),
    (Status(code=422), Fault.REJECTED),
    (Status(code=429), Fault.RATE_LIMITED),
    (Status(code=500), Fault.UNAVAILABLE),
    (Status(code=502), Fault.UNAVAILABLE),
    (Status(code=503), Fault.UNAVAILABLE),
    (Status(code=504), Fault.UNAVAILABLE),
    (WrongContentType(), Fault.MALFORMED),
    (JSON, Fault.MALFORMED),
    (Cut(after=-1), Fault.CUT),
    (Cut(after=0), Fault.CUT),
    (Cut(after=3), Fault.CUT),
    (Cut(after=3, politely=True), Fault.CUT),
    (Cut(after=3, reset=True), Fault.CUT),
    (Answer(finish_reason=None, done=False), Fault.CUT),
    (MalformedSse(), Fault.MALFORMED),
    (MalformedSse(after=0), Fault.MALFORMED),
    (ErrorInside(), Fault.REPORTED),
    (ErrorInside(after=0), Fault.REPORTED),
    (Empty(), Fault.EMPTY),
    (Empty(finish_reason="length"), Fault.EMPTY),
    (Answer(tokens=(" ", "\n")), Fault.EMPTY),
]
OF_OTHERS: list[tuple[Step, Fault]] = [
    (JSON, Fault.REPORTED),  # read as an event
    (MalformedSse(), Fault.CUT),  # skipped
    (MalformedSse(after=0), Fault.CUT),
]
LONG_CONTEXT = {
    "error": {
        "message": "This model's maximum context length is 10 tokens.",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
}


async def failed(generator: Generator, said: list[str] | None = None) -> GeneratorFailed:
    """How the answer fails; what was said until then goes into `said`."""
    with pytest.raises(GeneratorFailed) as caught:
        async with generator(REQUEST) as events:
            async for event in events:
                assert isinstance(event, TextDelta)
                (said if said is not None else []).append(event.text)
    return caught.value


@pytest.mark.parametrize("model", [OPENAI, OTHERS])
@pytest.mark.parametrize(("step", "fault"), FAULTS, ids=str)
async def test_p5_a_fault_has_a_name_and_is_no_text(
    opening: Opening,
    provider: FaultyProvider,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    model: str,
    step: Step,
    fault: Fault,
) -> None:
    caplog.set_level(logging.DEBUG, "ragstone_plugins")
    provider.plan(step)
    said: list[str] = []
    async with opening(model=model) as generator:
        error = await failed(generator, said)
        assert len(provider.requests) == 1, "nothing is tried again"
        assert error.fault is (
            next((other for each, other in OF_OTHERS if each == step), fault) if model == OTHERS else fault
        )
        assert "secret" not in error.message + caplog.text + "".join(capfd.readouterr())
        assert "".join(TOKENS).startswith("".join(said)) or isinstance(step, Answer)
        assert not isinstance(step, Status) or str(step.code) in error.message
        assert len(await collect(generator, REQUEST)) == len(TOKENS) + 1, "the next answer is whole"


@pytest.mark.parametrize("model", [OPENAI, OTHERS])
@pytest.mark.parametrize("code", [429, 503])
async def test_the_providers_wish_to_be_left_alone_is_handed_on(
    opening: Opening, provider: FaultyProvider, model: str, code: int
) -> None:
    provider.plan(Status(code=code, retry_after="7"), Status(code=code))
    async with opening(model=model) as generator:
        assert (await failed(generator)).retry_after_s == 7
        assert (await failed(generator)).retry_after_s is None


async def test_a_prompt_that_is_too_long_is_refused(generator: Generator, provider: FaultyProvider) -> None:
    provider.plan(Status(code=400, body=LONG_CONTEXT))
    assert (await failed(generator)).fault is Fault.REJECTED


async def test_a_port_that_nobody_listens_on_is_unreachable(opening: Opening) -> None:
    with refused() as url:
        async with opening(url=url) as generator:
            error = await failed(generator)
    assert error.fault is Fault.UNREACHABLE
    assert "ConnectionRefusedError" in error.message


@pytest.mark.parametrize("model", [OPENAI, OTHERS])
@pytest.mark.parametrize("after", [-1, 2])
async def test_silence_is_a_stall(opening: Opening, provider: FaultyProvider, model: str, after: int) -> None:
    provider.plan(Stall(after=after))
    async with opening(model=model, timeout_seconds=0.2) as generator:
        assert (await failed(generator)).fault is Fault.STALLED
        assert len(provider.requests) == 1
        await provider.requests[0].closed.wait()
    assert not provider.requests[0].closed_by_us


async def test_silence_until_the_deadline_is_the_callers(provider: FaultyProvider, tmp_path: Path) -> None:
    provider.plan(Stall(after=2))
    clock = ManualClock()
    request = replace(REQUEST, context=replace(REQUEST.context, deadline=0.2), prompt=prompt_for(REQUEST))
    settings = LitellmGeneratorSettings(model=OPENAI, url=provider.url, api_key=SecretStr("key"))
    async with MemoryHost(tmp_path, tmp_path, clock=clock) as host, GENERATOR.open(settings, host) as generator:
        with pytest.raises(DeadlineExceeded):
            async with generator(request) as events:
                await anext(events)
                clock.advance(1)
                async for _ in events:
                    pass


@pytest.mark.parametrize("model", [OPENAI, OTHERS, "groq/small", "deepseek/small", "mistral/small"])
async def test_leaving_early_closes_the_connection(opening: Opening, provider: FaultyProvider, model: str) -> None:
    provider.plan(Stall(after=2))
    async with opening(model=model) as generator:
        async with generator(REQUEST) as events:
            await anext(events)
        seen = await provider.arrived.get()
        await seen.closed.wait()
        assert not seen.closed_by_us
        assert len(await collect(generator, REQUEST)) == len(TOKENS) + 1


@pytest.mark.parametrize("model", [OPENAI, OTHERS])
@pytest.mark.parametrize("after", [-1, 0, 2])
async def test_cancelling_closes_the_connection(
    opening: Opening, provider: FaultyProvider, model: str, after: int
) -> None:
    provider.plan(Stall(after=after))
    async with opening(model=model) as generator:
        task = asyncio.ensure_future(collect(generator, REQUEST))
        seen = await provider.arrived.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await seen.closed.wait()
        assert not seen.closed_by_us


@pytest.mark.parametrize("model", [OPENAI, OTHERS])
async def test_an_answer_without_a_finish_reason_is_cut(opening: Opening, provider: FaultyProvider, model: str) -> None:
    provider.plan(Answer(finish_reason=None))
    async with opening(model=model) as generator:
        if model == OPENAI:
            assert (await failed(generator)).fault is Fault.CUT
        else:  # litellm takes `[DONE]` for one
            assert len(await collect(generator, REQUEST)) == len(TOKENS) + 1
