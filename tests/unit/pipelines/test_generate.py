"""From evidence to a checked answer, attempt by attempt."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.pipelines.events import AttemptDiscarded, AttemptStarted, Citation, Completed, Delta
from ragstone_server.pipelines.generate import Choice, Generate
from ragstone_server.spi.errors import DeadlineExceeded, StageFailed
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import (
    Abstention,
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    Usage,
)
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.generator import MemoryGenerator, Pause, Step
from ragstone_server.testing.memory.host import MemoryLane
from ragstone_server.testing.memory.router import memory_router
from ragstone_server.wrappers.fallible import Degradation, fallible
from tests.unit.pipelines.house import routes

DEFAULT = Choice()
LANE = MemoryLane("interactive", 1)
ROUTER = fallible(memory_router, "router", skip=True)
WATERMARK = Watermark(epoch="e", collection=CollectionKey(1), position=Position(3))
REQUEST = GenerateRequest(
    context=CONTEXT,
    question="When?",
    search_text="When?",
    turns=(),
    evidence=(NumberedPassage(number=1, scored=scored(1, "nine"), range=ByteRange(start=0, end=4), text="nine"),),
    max_output_tokens=100,
)


def playing(*steps: Step, model: str = "memory") -> MemoryGenerator:
    return MemoryGenerator(steps, model=model)


def generate(*generators: MemoryGenerator, **settings: Any) -> Generate:
    clock = MemoryClock()
    return Generate(routes(*generators, clock=clock, **settings), ROUTER, clock, random.Random(1), LANE)


async def events(*generators: MemoryGenerator, choice: Choice = DEFAULT, **settings: Any) -> list[Any]:
    return [event async for event in generate(*generators, **settings)(REQUEST, choice, WATERMARK)]


def kinds(found: list[Any]) -> list[type]:
    return [type(event) for event in found]


async def test_an_answer_streams_with_its_citations_and_ends_once() -> None:
    found = await events(playing("At", " nine [", "1", "].", " Or not [7]."))
    assert kinds(found)[0] is AttemptStarted
    assert kinds(found).count(Completed) == 1
    completed = found[-1]
    assert completed.answer.text == "At nine [1]. Or not."
    assert "".join(event.text for event in found if isinstance(event, Delta)) == completed.answer.text
    assert [event for event in found if isinstance(event, Citation)] == list(completed.answer.citations)
    assert completed.invalid_citations == 1
    assert completed.watermark == WATERMARK
    assert completed.abstention is None


async def test_an_abstention_is_passed_on_without_text() -> None:
    end = Finished(
        finish_reason=FinishReason.ABSTAINED,
        abstention=Abstention.NO_RELEVANT_CONTENT,
        usage=Usage(input_tokens=1, output_tokens=0, estimated=True),
    )
    found = await events(playing(end))
    assert kinds(found) == [AttemptStarted, Completed]
    assert found[-1].abstention is Abstention.NO_RELEVANT_CONTENT
    assert found[-1].answer.text == ""


async def test_a_generator_that_fails_in_mid_stream_is_replaced_and_its_deltas_are_void() -> None:
    found = await events(
        playing("Wrong [1]", OSError("secret detail"), model="first"), playing("Right [1].", model="second")
    )
    assert [event.model for event in found if isinstance(event, AttemptStarted)] == ["first", "second"]
    discarded = next(event for event in found if isinstance(event, AttemptDiscarded))
    assert discarded == AttemptDiscarded(reason="the model failed", next_model="second")
    assert Degradation(stage="generator", reason="first failed and was replaced by second") in found
    assert found[-1].answer.text == "Right [1]."
    assert len(found[-1].answer.citations) == 1
    began = [found.index(event) for event in found if isinstance(event, AttemptStarted)]
    assert began[0] < found.index(discarded) < began[1]
    assert [attempt.fault for attempt in found[-1].attempts] == ["failed", None]


async def test_where_the_last_one_fails_the_error_is_typed_and_says_nothing_of_the_cause() -> None:
    with pytest.raises(StageFailed) as caught:
        await events(playing("x", OSError("secret detail")), playing(OSError("secret detail")))
    assert "secret" not in caught.value.message
    assert caught.value.metadata == {"stage": "generator"}
    with pytest.raises(DeadlineExceeded):
        await events(playing(DeadlineExceeded()))


async def test_a_stream_without_an_end_is_a_failure() -> None:
    class Endless(MemoryGenerator):
        async def _events(self, request: GenerateRequest) -> Any:
            async for event in super()._events(request):
                if not isinstance(event, Finished):
                    yield event

    with pytest.raises(StageFailed, match="no model answered"):
        await events(Endless(("text",)))


class ClosingBadly(MemoryGenerator):
    """Fails when it is left."""

    @asynccontextmanager
    async def _stream(self, request: GenerateRequest) -> AsyncIterator[AsyncIterator[GenerationEvent]]:
        async with super()._stream(request) as events:
            yield events
        raise OSError("secret detail")


async def test_p5_an_answer_that_is_complete_ends_once_also_where_the_generator_closes_badly() -> None:
    second = playing("Other.", model="second")
    found = await events(ClosingBadly(("Right [1].",), model="first"), second)
    assert kinds(found).count(Completed) == 1
    assert kinds(found)[-1] is Completed
    assert not {AttemptDiscarded, Degradation} & set(kinds(found))
    assert found[-1].answer.text == "Right [1]."
    assert second.requests == []


async def test_p10_where_the_replacement_fails_too_one_attempt_is_discarded_and_the_error_is_typed() -> None:
    found: list[Any] = []
    generators = playing("x", OSError("secret detail"), model="first"), playing("y", OSError("b"), model="second")
    with pytest.raises(StageFailed) as caught:
        async for event in generate(*generators)(REQUEST, DEFAULT, WATERMARK):
            found.append(event)  # noqa: PERF401 - what came before the failure is wanted
    assert caught.value.metadata == {"stage": "generator"}
    assert "secret" not in caught.value.message
    discarded = [event for event in found if isinstance(event, AttemptDiscarded)]
    assert discarded == [AttemptDiscarded(reason="the model failed", next_model="second")]
    assert [event.model for event in found if isinstance(event, AttemptStarted)] == ["first", "second"]
    assert Completed not in kinds(found)
    assert [generator.open_streams for generator in generators] == [0, 0]


async def test_leaving_early_closes_the_generator() -> None:
    generator = playing("one ", Pause(seconds=3600), "two")
    async with aclosing(generate(generator)(REQUEST, DEFAULT, WATERMARK)) as stream:
        async for event in stream:
            if isinstance(event, Delta):
                break
    assert generator.open_streams == 0


async def test_cancelling_stops_it_and_starts_no_other() -> None:
    first, second = playing("one ", Pause(seconds=3600)), playing("two")

    async def read() -> None:
        async for _ in generate(first, second)(REQUEST, DEFAULT, WATERMARK):
            pass

    task = asyncio.create_task(read())
    while not first.open_streams:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert first.open_streams == 0
    assert second.requests == []
