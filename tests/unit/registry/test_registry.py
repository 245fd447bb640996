"""Discovery, conflicts, broken plugins, and opening in the order of needs."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ragstone_server.config.errors import ConfigurationInvalid
from ragstone_server.registry.clock import SystemClock
from ragstone_server.registry.discovery import discover
from ragstone_server.registry.lanes import thread_lane
from ragstone_server.registry.offers import Distribution, Offer, Offers, PluginConflict, PluginNotFound
from ragstone_server.registry.registry import Registry, Selection, ServerHost, check_selections
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.kinds import CHUNKER, EMBEDDER, FUSER, GENERATOR, KINDS, PARSER, RERANKER
from ragstone_server.spi.provider import Provider
from tests.unit.registry.plugins import Numbered, offering, point, provider

NOWHERE = Distribution(name="here", version="1")


def offers(**providers: Provider) -> Offers:
    """By kind."""
    kinds = {kind.name: kind for kind in KINDS}
    return Offers(Offer(kind=kinds[kind], provider=each, distribution=NOWHERE) for kind, each in providers.items())


def selected(**use: str) -> Mapping[str, Selection]:
    return {kind: Selection(use=name, config={}) for kind, name in use.items()}


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def registry(available: Offers, selections: Mapping[str, Selection], stack: AsyncExitStack) -> Registry:
    lane = await stack.enter_async_context(thread_lane("test", 1))
    host = ServerHost(clock=SystemClock(), data_dir=Path(), models_dir=Path(), interactive=lane, bulk=lane, opened={})
    return Registry(available, selections, host, stack)


def test_what_an_entry_point_offers_is_found_with_its_distribution() -> None:
    found = list(discover([point("mine", "mine-plugins", offering(ragstone_fusers=(provider("best"),)), "2.3")]))
    assert [(o.kind.name, o.provider.name, str(o.distribution)) for o in found] == [
        ("fuser", "best", "mine-plugins 2.3")
    ]


def test_the_plugins_of_this_repository_are_found_and_none_is_broken() -> None:
    found = discover()
    assert found.broken == ()
    assert {kind.name for kind in KINDS if not kind.optional} <= {offer.kind.name for offer in found}


def test_two_offers_of_one_name_are_an_error_that_names_both_distributions() -> None:
    twice = [point(name, f"{name}-plugins", offering(ragstone_fusers=(provider("best"),))) for name in ("one", "two")]
    with pytest.raises(PluginConflict, match=r"one-plugins 1\.0 and two-plugins 1\.0 both offer the fuser 'best'"):
        discover(twice)


def test_one_name_in_two_kinds_is_no_conflict() -> None:
    both = offering(ragstone_fusers=(provider("best"),), ragstone_rerankers=(provider("best"),))
    assert len(list(discover([point("mine", "mine", both)]))) == 2


def raising() -> object:
    raise ImportError("no module named heavy")


@pytest.mark.parametrize(
    ("plugin", "error"),
    [
        (raising, "no module named heavy"),
        (offering(ragstone_fusers=("no provider",)), "gave str, not a Provider"),
        (offering(ragstone_no_such_hook=()), "unknown hook"),
    ],
)
def test_a_broken_plugin_that_is_not_selected_is_a_row_and_a_warning(
    plugin: Callable[[], object], error: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = point("good", "good", offering(ragstone_fusers=(provider("best"),)))
    found = discover([point("bad", "bad-plugins", plugin), good])
    assert [offer.provider.name for offer in found] == ["best"]
    assert [(row.entry_point, row.distribution.name) for row in found.broken] == [("bad", "bad-plugins")]
    assert error in found.broken[0].error
    assert "plugin bad of bad-plugins 1.0 is broken" in caplog.text


def test_a_broken_plugin_that_is_selected_refuses_the_start_and_says_why() -> None:
    found = discover([point("bad", "bad-plugins", raising)])
    with pytest.raises(PluginNotFound, match=r"fuser\.use: .* bad of bad-plugins 1\.0 .*no module named heavy"):
        found.find(FUSER, "best")


def test_checking_selections_opens_nothing_and_finds_every_problem() -> None:
    journal: list[str] = []
    available = Offers(
        Offer(kind=kind, provider=provider("x", journal, config=Numbered), distribution=NOWHERE) for kind in KINDS
    )
    right = {kind.name: Selection(use="x", config={}) for kind in KINDS} | {
        "reranker": Selection(use="none", config={})
    }
    check_selections(available, right)
    wrong = {
        **right,
        "fuser": Selection(use="x", config={"number": "?", "colour": 1}),
        "parser": Selection(use="y", config={}),
    }
    with pytest.raises(ConfigurationInvalid) as caught:
        check_selections(available, wrong)
    assert {problem.where for problem in caught.value.problems} == {"fuser.number", "fuser.colour", ""}
    assert "there is no parser 'y' (there are: x)" in caught.value.message
    assert journal == []


def test_only_an_optional_kind_may_be_none() -> None:
    available = Offers(Offer(kind=kind, provider=provider("x"), distribution=NOWHERE) for kind in KINDS)
    none = {kind.name: Selection(use="x", config={}) for kind in KINDS} | {"parser": Selection(use="none", config={})}
    with pytest.raises(ConfigurationInvalid, match="there is no parser 'none'"):
        check_selections(available, none)


def test_a_kind_that_is_not_used_has_no_settings() -> None:
    available = Offers(Offer(kind=kind, provider=provider("x"), distribution=NOWHERE) for kind in KINDS)
    unused = {kind.name: Selection(use="x", config={}) for kind in KINDS} | {
        "reranker": Selection(use="none", config={"weight": 1})
    }
    with pytest.raises(ConfigurationInvalid, match=r"reranker\.weight: unknown setting"):
        check_selections(available, unused)


async def test_needs_are_opened_first_given_and_closed_last() -> None:
    journal: list[str] = []
    available = offers(
        generator=provider("writer", journal, needs=(EMBEDDER, PARSER)),
        embedder=provider("vectors", journal, needs=(PARSER,)),
        parser=provider("reader", journal),
    )
    async with AsyncExitStack() as stack:
        opening = await registry(available, selected(generator="writer", embedder="vectors", parser="reader"), stack)
        assert await opening.open(GENERATOR) == "writer(vectors(reader())+reader())"
    assert journal == ["open reader", "open vectors", "open writer", "close writer", "close vectors", "close reader"]


async def test_each_is_opened_once_however_many_ask_at_once(stack: AsyncExitStack) -> None:
    journal: list[str] = []
    opening = await registry(offers(fuser=provider("best", journal)), selected(fuser="best"), stack)
    stages = await asyncio.gather(*(opening.open(FUSER) for _ in range(5)))
    assert len(set(stages)) == 1
    assert journal == ["open best"]


async def test_a_circle_of_needs_is_refused_and_named(stack: AsyncExitStack) -> None:
    available = offers(embedder=provider("e", needs=(CHUNKER,)), chunker=provider("c", needs=(EMBEDDER,)))
    opening = await registry(available, selected(embedder="e", chunker="c"), stack)
    with pytest.raises(StartError, match="embedder > chunker > embedder"):
        await opening.open(EMBEDDER)


async def test_an_optional_kind_that_is_not_used_is_none(stack: AsyncExitStack) -> None:
    opening = await registry(offers(), selected(reranker="none"), stack)
    assert await opening.open_optional(RERANKER) is None
    assert opening.selected(RERANKER) is None


async def test_another_provider_replaces_with_its_defaults(stack: AsyncExitStack) -> None:
    available = Offers(
        Offer(kind=FUSER, provider=provider(name, config=Numbered), distribution=NOWHERE) for name in ("one", "two")
    )
    selections = {"fuser": Selection(use="one", config={"number": 3})}
    opening = await registry(available, selections, stack)
    assert await opening.open_other(FUSER, "two") == "two()"
    with pytest.raises(PluginNotFound):
        await opening.open_other(FUSER, "three")


async def test_work_of_a_lane_runs_in_a_thread_of_its_own() -> None:
    async with thread_lane("test", 2) as lane:
        assert lane.threads == 2
        name = await lane.run(lambda: threading.current_thread().name)
        assert name.startswith("ragstone-test")
        assert await lane.run(int, "ff", base=16) == 255
        with pytest.raises(ValueError, match="invalid literal"):
            await lane.run(int, "x")
