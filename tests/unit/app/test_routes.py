"""Generators and routes are opened and governed as the configuration says."""

from dataclasses import replace
from typing import Any, cast

import pytest

from ragstone_server.app.configuration import parse_configuration
from ragstone_server.app.routes import open_routes
from ragstone_server.registry.registry import Registry
from ragstone_server.routing.deployment import Deployment
from ragstone_server.spi.errors import DeadlineExceeded, StartError
from ragstone_server.spi.generator import GenerateRequest, Window
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

    async def open_other(self, kind: object, use: str, config: object) -> Any:
        return self.other if use == "other" else self.selected


async def opened(*generators: MemoryGenerator, **policy: object) -> tuple[Deployment, ...]:
    first, second = (*generators, MemoryGenerator(("b",), model="other"))[:2]
    configuration = parse_configuration({"generator": policy})
    routes = await open_routes(configuration, cast(Registry, Shelf(first, second)), ManualClock())
    return routes.deployments()


async def test_waiting_for_a_place_is_timed_and_leaks_none() -> None:
    generator = MemoryGenerator(("a",))
    [deployment] = await opened(generator, concurrency=1)
    async with deployment(ASKED):
        with pytest.raises(DeadlineExceeded) as caught:
            async with deployment(LATE):
                pytest.fail("there is no place")
        assert caught.value.metadata == {"stage": "generator"}
        assert generator.requests == [ASKED]
    async with deployment(ASKED) as events:
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
    for deployment in await opened(*generators, on_failure="other", **policy):
        with pytest.raises(DeadlineExceeded):
            async with deployment(asked) as events:
                await anext(events)
    assert [generator.open_streams for generator in generators] == [0, 0]


async def test_on_failure_names_the_second_attempt() -> None:
    assert [each.model for each in await opened(MemoryGenerator(), on_failure="other")] == ["memory", "other"]
    assert [each.model for each in await opened(MemoryGenerator(), on_failure="fail")] == ["memory"]


async def test_each_generator_has_places_of_its_own() -> None:
    first, second = await opened(MemoryGenerator(), concurrency=1, on_failure="other")
    async with first(ASKED), second(ASKED) as events:
        assert await anext(events)


async def test_a_window_that_the_answer_fills_alone_refuses_the_start() -> None:
    small = MemoryGenerator(model="small", window=Window(tokens=100, count=len))
    configuration = {"answer": {"max_output_tokens": 100}}
    with pytest.raises(
        StartError, match=r"of route default has a window of 100 tokens.*answer.max_output_tokens = 100"
    ):
        await open_routes(parse_configuration(configuration), cast(Registry, Shelf(small, small)), ManualClock())
    assert await open_routes(
        parse_configuration({"answer": {"max_output_tokens": 99}}), cast(Registry, Shelf(small, small)), ManualClock()
    )
