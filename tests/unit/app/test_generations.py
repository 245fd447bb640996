"""What generations are opened with: recipes without secrets, each stage opened once."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ragstone_server.app.generations import Generations, choice_of
from ragstone_server.config.secrets import resolve_secrets
from ragstone_server.registry.clock import SystemClock
from ragstone_server.registry.lanes import thread_lane
from ragstone_server.registry.offers import Distribution, Offer, Offers
from ragstone_server.registry.registry import Registry, Selection, ServerHost
from ragstone_server.spi.errors import GenerationMismatch, InvalidRequest
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.generations import (
    FIRST,
    Generation,
    GenerationRecord,
    GenerationState,
    Recipe,
    StageChoice,
)
from ragstone_server.spi.host import Host
from ragstone_server.spi.kinds import CHUNKER, EMBEDDER
from ragstone_server.spi.provider import Provider, Settings
from ragstone_server.testing.conformance.catalog_samples import NOW
from ragstone_server.testing.memory.chunker import MemoryChunker
from ragstone_server.testing.memory.embedder import MemoryEmbedder


class Remote(Settings):
    """Of an embedder behind a key."""

    dimension: int = 8
    api_key: SecretStr | None = None


@dataclass
class Opened:
    """What a server has open, and with which keys its embedders were opened."""

    registry: Registry
    keys: list[str] = field(default_factory=list)

    async def with_(self, **config: Any) -> Generations:
        """Generations of a server whose configuration selects this embedder."""
        section = resolve_secrets({"embedder": config}, {"KEY": "s3cret"})["embedder"]
        selections = {
            "embedder": Selection(use="remote", config=section),
            "chunker": Selection(use="memory", config={}),
        }
        self.registry._selections = selections
        return Generations(
            self.registry,
            GenerationStages(embedder=await self.registry.open(EMBEDDER), chunker=await self.registry.open(CHUNKER)),
            Recipe(
                embedder=choice_of(self.registry, EMBEDDER, selections["embedder"]),
                chunker=choice_of(self.registry, CHUNKER, selections["chunker"]),
            ),
            lambda embedder: embedder,
        )


@pytest.fixture
async def opened(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Opened]:
    monkeypatch.setenv("KEY", "s3cret")

    @asynccontextmanager
    async def embedder(config: Remote, host: Host) -> AsyncIterator[MemoryEmbedder]:
        opened.keys.append(config.api_key.get_secret_value() if config.api_key else "")
        yield MemoryEmbedder(config.dimension)

    @asynccontextmanager
    async def chunker(config: Settings, host: Host) -> AsyncIterator[MemoryChunker]:
        yield MemoryChunker()

    here = Distribution(name="here", version="1")
    offers = Offers(
        [
            Offer(
                kind=EMBEDDER,
                provider=Provider(name="remote", summary="", config=Remote, open=embedder),
                distribution=here,
            ),
            Offer(
                kind=CHUNKER,
                provider=Provider(name="memory", summary="", config=Settings, open=chunker),
                distribution=here,
            ),
        ]
    )
    async with AsyncExitStack() as stack:
        lane = await stack.enter_async_context(thread_lane("test", 1))
        host = ServerHost(
            clock=SystemClock(), data_dir=Path(), models_dir=Path(), interactive=lane, bulk=lane, opened={}
        )
        opened = Opened(Registry(offers, {}, host, stack))
        yield opened


def record(generations: Generations, recipe: Recipe | None, dimension: int = 8) -> GenerationRecord:
    made = Generation(embedder=f"memory-{dimension}-256", chunker=MemoryChunker.fingerprint)
    return GenerationRecord(
        number=FIRST, generation=made, recipe=recipe, state=GenerationState.LIVE, created=NOW, activated=NOW
    )


def remote(**config: Any) -> StageChoice:
    return StageChoice(use="remote", config=json.dumps(config, sort_keys=True))


async def test_a_recipe_has_references_and_opens_what_they_stand_for(opened: Opened) -> None:
    before = await opened.with_(api_key="env:KEY")
    assert json.loads(before.recipe.embedder.config) == {"api_key": "env:KEY"}
    after = await opened.with_(dimension=4)
    assert opened.keys == ["s3cret", ""]
    stages = await after.of(record(after, before.recipe))
    assert stages.embedder is before.configured.embedder, "the same settings are opened once"
    other = await after.by_recipe(
        Recipe(embedder=remote(api_key="env:KEY", dimension=16), chunker=before.recipe.chunker)
    )
    assert (other.embedder.dimension, opened.keys) == (16, ["s3cret", "", "s3cret"])
    assert other.chunker is after.configured.chunker


async def test_a_secret_that_stands_in_the_configuration_is_not_kept(opened: Opened) -> None:
    """Its generation is still opened, as long as the configuration selects it."""
    generations = await opened.with_(api_key="sk-literal", dimension=8)
    assert "sk-literal" not in str(generations.recipe)
    assert (await generations.of(record(generations, generations.recipe))).embedder is generations.configured.embedder
    both = Recipe(embedder=generations.recipe.embedder, chunker=StageChoice(use="memory", config='{"x": 1}'))
    with pytest.raises(InvalidRequest, match=r"chunker\.x: unknown setting"):
        await generations.by_recipe(both)
    assert opened.keys == ["sk-literal"]


async def test_a_secret_of_a_request_is_a_reference(opened: Opened) -> None:
    generations = await opened.with_()
    chunker = generations.recipe.chunker
    with pytest.raises(InvalidRequest, match=r"embedder: api_key: .* as in env:NAME"):
        await generations.by_recipe(Recipe(embedder=remote(api_key="sk-1"), chunker=chunker))
    with pytest.raises(InvalidRequest, match="the environment has no variable MISSING"):
        await generations.by_recipe(Recipe(embedder=remote(api_key="env:MISSING"), chunker=chunker))
    with pytest.raises(InvalidRequest, match="'nobody'"):
        await generations.by_recipe(Recipe(embedder=StageChoice(use="nobody", config="{}"), chunker=chunker))
    assert opened.keys == [""]


async def test_what_was_made_otherwise_is_refused(opened: Opened) -> None:
    """By a changed model, or by a configuration that is no longer that of a generation without a recipe."""
    generations = await opened.with_(dimension=4)
    with pytest.raises(GenerationMismatch, match=r"was made by memory-8-256.*the server opens memory-4-256"):
        await generations.of(record(generations, None))
    with pytest.raises(GenerationMismatch, match="cannot be opened any more"):
        gone = Recipe(embedder=StageChoice(use="gone", config="{}"), chunker=generations.recipe.chunker)
        await generations.of(record(generations, gone))
