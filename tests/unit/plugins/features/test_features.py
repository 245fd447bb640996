"""The router `features`: the first rule that fits decides, and says why."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from ragstone_plugins.features.hops import hops
from ragstone_plugins.features.languages import language_of
from ragstone_plugins.features.router import FeaturesRouter
from ragstone_plugins.features.settings import FeaturesSettings, RouteRule
from ragstone_server.spi.router import RouteChoice, RouteRequest
from ragstone_server.spi.turns import Role, Turn
from ragstone_server.testing.conformance.generator import HARBOUR, numbered
from ragstone_server.testing.conformance.samples import CONTEXT


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When does the ferry leave?", 1),
        ("What is the deposit?", 1),
        ("Who may borrow cats and dogs?", 1),
        ("Who signed the lease, and when was it signed?", 2),
        ("What is the difference between a day pass and a week pass?", 2),
        ("Is the Kittiwake faster than the Gannet?", 2),
        ("In which town was the captain whose ship sank in 1911 born?", 3),
        ("When was it built? Who paid for it?", 2),
        ("Wann fährt die Fähre?", 1),
        ("", 1),
    ],
)
def test_hops_are_counted_by_the_wording(question: str, expected: int) -> None:
    assert hops(question) == expected


async def route(
    question: str, *rules: RouteRule, routes: tuple[str, ...] = ("default", "a", "b"), **of: Any
) -> RouteChoice:
    router = FeaturesRouter(FeaturesSettings(rules=rules), language_of)
    request = RouteRequest(
        **{"context": CONTEXT, "question": question, "turns": (), "evidence": (), "routes": routes, **of}
    )
    return await router(request)


async def test_the_first_rule_that_fits_decides() -> None:
    rules = RouteRule(route="a", min_words=6), RouteRule(route="b", min_words=3)
    assert await route("one two three four five six", *rules) == RouteChoice(route="a", why="6 words")
    assert await route("one two three", *rules) == RouteChoice(route="b", why="3 words")
    assert await route("one two", *rules) == RouteChoice(route="default", why="no rule fits")


async def test_all_conditions_of_a_rule_must_hold() -> None:
    rule = RouteRule(route="a", min_hops=2, max_words=12, languages=("en",))
    assert (
        await route("Who signed the lease, and when was it signed?", rule)
    ).why == "9 words, joins 2 facts, language en"
    assert (await route("Who signed the lease?", rule)).route == "default"
    assert (await route("Wer hat den Mietvertrag unterschrieben, und wann wurde das gemacht?", rule)).route == "default"


async def test_context_turns_tenants_and_collections() -> None:
    evidence = (numbered(1, HARBOUR * 20),)
    turns = (Turn(role=Role.USER, text="And?"),)
    name = CONTEXT.collection
    assert (await route("x", RouteRule(route="a", min_context_tokens=300), evidence=evidence)).route == "a"
    assert (await route("x", RouteRule(route="a", min_context_tokens=300))).route == "default"
    assert (await route("x", RouteRule(route="a", min_turns=1), turns=turns)).why == "1 earlier turns"
    assert (await route("x", RouteRule(route="a", tenants=(name.tenant,)))).why == f"tenant {name.tenant}"
    assert (await route("x", RouteRule(route="a", collections=("another",)))).route == "default"


async def test_a_route_that_there_is_not_is_passed_over() -> None:
    rules = RouteRule(route="gone", min_words=1), RouteRule(route="b", min_words=1)
    assert (await route("x", *rules)).route == "b"


def test_a_rule_without_a_condition_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs a condition"):
        RouteRule(route="a")


async def test_a_small_budget_takes_its_route() -> None:
    cheap = RouteRule(route="a", budget_below=Decimal("0.01"))
    assert await route("When?", cheap, max_cost=Decimal("0.005")) == RouteChoice(route="a", why="a budget below $0.01")
    assert (await route("When?", cheap, max_cost=Decimal("0.01"))).route == "default"
    assert (await route("When?", cheap)).route == "default"
