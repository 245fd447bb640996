"""Everything that a provider can do wrong, over real connections: a named fault, never text."""

import asyncio
import logging
import traceback

import pytest

from ragstone_plugins.openai_compatible import generator as module
from ragstone_server.spi.generator import (
    Fault,
    Finished,
    FinishReason,
    GenerationEvent,
    Generator,
    GeneratorFailed,
    TextDelta,
)
from ragstone_server.testing.conformance.generator import answer_text, collect
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
from tests.unit.plugins.openai_compatible.deployment import KEY, asked, deployed

FAULTS: list[tuple[Step, Fault, int]] = [
    (Status(code=400), Fault.REJECTED, 0),
    (Status(code=401), Fault.UNAUTHORIZED, 0),
    (Status(code=403), Fault.UNAUTHORIZED, 0),
    (Status(code=404), Fault.REJECTED, 0),
    (Status(code=429), Fault.RATE_LIMITED, 0),
    (Status(code=500), Fault.UNAVAILABLE, 0),
    (Status(code=503), Fault.UNAVAILABLE, 0),
    (Status(code=307, headers={"Location": "/v1/models"}), Fault.MALFORMED, 0),
    (WrongContentType(), Fault.MALFORMED, 0),
    (WrongContentType(content_type="application/json", body='{"error": {"message": "secret"}}'), Fault.REPORTED, 0),
    (WrongContentType(content_type="application/json", body='{"choices": "secret"}'), Fault.MALFORMED, 0),
    (Empty(), Fault.EMPTY, 0),
    (Empty(finish_reason="length"), Fault.EMPTY, 0),
    (Answer(tokens=(" ", "\n")), Fault.EMPTY, 0),
    (Cut(after=-1), Fault.CUT, 0),
    (Cut(after=0), Fault.CUT, 0),
    (Cut(after=3), Fault.CUT, 3),
    (Cut(after=3, politely=True), Fault.CUT, 3),
    (MalformedSse(after=3), Fault.MALFORMED, 3),
    (MalformedSse(after=0), Fault.MALFORMED, 0),
    (MalformedSse(after=1, line=b"data: " + b"x" * (1 << 20)), Fault.MALFORMED, 1),
    (ErrorInside(after=0), Fault.REPORTED, 0),
    (ErrorInside(after=3), Fault.REPORTED, 3),
    (Answer(finish_reason="error"), Fault.REPORTED, len(TOKENS)),
]


async def failed(generator: Generator) -> tuple[GeneratorFailed, list[GenerationEvent]]:
    """How it fails, and what it said before."""
    events: list[GenerationEvent] = []
    with pytest.raises(GeneratorFailed) as caught:
        async with generator(asked()) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - what came before the failure is wanted
    return caught.value, events


@pytest.mark.parametrize(("step", "fault", "said"), FAULTS, ids=lambda value: str(value)[:60])
async def test_p5_each_fault_has_its_name_and_is_no_text(
    step: Step, fault: Fault, said: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with FaultyProvider(step) as provider, deployed(provider.url) as generator:
        error, events = await failed(generator)
        assert error.fault is fault
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "".join(TOKENS[:said])
        if said:
            assert error.usage is not None
            assert error.usage.input_tokens > 0
            assert error.usage.output_tokens >= said
        shown = "".join((*traceback.format_exception(error), repr(error), caplog.text))
        assert "secret" not in shown.replace("secret_code", "")
        assert KEY not in shown
        assert len(error.message) < 200
        # Nothing is tried again, and the next answer is whole.
        assert len(provider.requests) == 1
        assert answer_text(await collect(generator, asked())) == "".join(TOKENS)


async def test_a_reset_in_mid_stream_is_a_cut() -> None:
    """What came before a reset may be lost with it."""
    async with FaultyProvider(Cut(after=3, reset=True)) as provider, deployed(provider.url) as generator:
        error, _ = await failed(generator)
        assert error.fault is Fault.CUT


async def test_a_refused_connection_used_nothing() -> None:
    with refused() as url:
        async with deployed(url) as generator:
            error, events = await failed(generator)
    assert (error.fault, events) == (Fault.UNREACHABLE, [])
    assert "ConnectionRefusedError" in error.message
    assert error.usage is not None
    assert error.usage.input_tokens == 0


@pytest.mark.parametrize(("after", "said"), [(-1, 0), (2, 2)])
async def test_silence_is_a_stall(monkeypatch: pytest.MonkeyPatch, after: int, said: int) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.05)
    async with FaultyProvider(Stall(after=after)) as provider, deployed(provider.url) as generator:
        error, events = await failed(generator)
        assert (error.fault, len(events)) == (Fault.STALLED, said)
        await provider.requests[0].closed.wait()


async def test_all_connections_in_use_is_unreachable() -> None:
    async with (
        FaultyProvider(Stall(after=1)) as provider,
        deployed(provider.url, max_connections=1, connect_seconds=0.05) as generator,
    ):
        async with generator(asked()) as events:
            await anext(events)
            error, _ = await failed(generator)
            assert error.fault is Fault.UNREACHABLE
        assert answer_text(await collect(generator, asked())) == "".join(TOKENS)


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None), (None, None)]
)
async def test_the_provider_says_when_to_ask_again(header: str | None, wait: float | None) -> None:
    async with (
        FaultyProvider(Status(code=429, retry_after=header), Status(code=503, retry_after=header)) as provider,
        deployed(provider.url) as generator,
    ):
        assert [(await failed(generator))[0].retry_after_s for _ in range(2)] == [wait, wait]


@pytest.mark.parametrize("after", [-1, 0, 3])
@pytest.mark.parametrize("cancels", [1, 2])
async def test_cancelling_closes_the_connection(after: int, cancels: int) -> None:
    async with FaultyProvider(Stall(after=after)) as provider, deployed(provider.url, max_connections=1) as generator:
        task = asyncio.ensure_future(collect(generator, asked()))
        seen = await provider.arrived.get()
        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        await seen.closed.wait()
        assert not seen.closed_by_us
        assert answer_text(await collect(generator, asked())) == "".join(TOKENS)


async def test_leaving_early_closes_the_connection() -> None:
    async with FaultyProvider(Answer(delay_s=3600)) as provider, deployed(provider.url) as generator:
        async with generator(asked()) as events:
            await anext(events)
        await provider.requests[0].closed.wait()
        assert not provider.requests[0].closed_by_us
        async with generator(asked()):
            pass
        await provider.requests[1].closed.wait()


@pytest.mark.parametrize(
    ("step", "estimated"),
    [
        (Answer(lingers=True), False),
        (Answer(done=False, usage=None, lingers=True), True),
        (Answer(done=False, usage=None), True),
        (Answer(usage=(0, 0)), True),
    ],
)
async def test_a_whole_answer_is_not_void_for_what_follows(step: Step, estimated: bool) -> None:
    async with FaultyProvider(step) as provider, deployed(provider.url) as generator:
        events = await collect(generator, asked())
        end = events[-1]
        assert isinstance(end, Finished)
        assert (end.finish_reason, end.usage.estimated) == (FinishReason.STOP, estimated)
        assert answer_text(events) == "".join(TOKENS)
