"""The governor applies to the generator what its policy says."""

from dataclasses import replace
from typing import Any, cast

import pytest

from ragstone_server.app.configuration import parse_configuration
from ragstone_server.app.stages import Governor
from ragstone_server.registry.registry import Registry
from ragstone_server.spi.errors import DeadlineExceeded
from ragstone_server.spi.generator import GenerateRequest
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.testing.memory.generator import MemoryGenerator, Pause

ASKED = GenerateRequest(
    context=CONTEXT, question="When?", search_text="When?", turns=(), evidence=(), max_output_tokens=100
)
LATE = replace(ASKED, context=replace(CONTEXT, deadline=0.0))
"""Its deadline is the instant at which the clock stands."""
ENDLESS = Pause(seconds=3600)


class Shelf:
    """Opens one generator as the selected one, and one as any other."""

    def __init__(self, selected: MemoryGenerator, other: MemoryGenerator) -> None:
        self.selected = selected
        self.other = other

    async def open(self, kind: object) -> Any:
        return self.selected

    async def open_other(self, kind: object, use: str) -> Any:
        return self.other


def governor(*generators: MemoryGenerator, **policy: object) -> Governor:
    first, second = (*generators, MemoryGenerator(("b",), model="other"))[:2]
    configuration = parse_configuration({"generator": policy})
    return Governor(configuration=configuration, registry=cast(Registry, Shelf(first, second)), clock=ManualClock())


async def test_waiting_for_a_place_is_timed_and_leaks_none() -> None:
    generator = MemoryGenerator(("a",))
    [attempt] = await governor(generator, concurrency=1).attempts()
    async with attempt.generator(ASKED):
        with pytest.raises(DeadlineExceeded) as caught:
            async with attempt.generator(LATE):
                pytest.fail("there is no place")
        assert caught.value.metadata == {"stage": "generator"}
        assert generator.requests == [ASKED]
    async with attempt.generator(ASKED) as events:
        assert len([event async for event in events]) == 2


@pytest.mark.parametrize(
    ("asked", "policy"),
    [
        (ASKED, {"timeout_seconds": 0.01}),
        (LATE, {}),
        (replace(LATE, context=replace(CONTEXT, deadline=3600.0)), {"deadline_share": 1e-6}),
    ],
    ids=["timeout", "deadline", "share"],
)
async def test_each_attempt_ends_in_time(asked: GenerateRequest, policy: dict[str, object]) -> None:
    generators = MemoryGenerator((ENDLESS,)), MemoryGenerator((ENDLESS,), model="other")
    for attempt in await governor(*generators, on_failure="other", **policy).attempts():
        with pytest.raises(DeadlineExceeded):
            async with attempt.generator(asked) as events:
                await anext(events)
    assert [generator.open_streams for generator in generators] == [0, 0]


async def test_on_failure_names_the_second_attempt() -> None:
    assert [attempt.model for attempt in await governor(MemoryGenerator(), on_failure="other").attempts()] == [
        "memory",
        "other",
    ]
    assert [attempt.model for attempt in await governor(MemoryGenerator(), on_failure="fail").attempts()] == ["memory"]


async def test_each_generator_has_places_of_its_own() -> None:
    first, second = await governor(MemoryGenerator(), concurrency=1, on_failure="other").attempts()
    async with first.generator(ASKED), second.generator(ASKED) as events:
        assert await anext(events)
