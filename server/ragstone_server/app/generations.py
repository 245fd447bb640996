"""Opens what makes the passages and vectors of generations, as their recipes say."""

import json
import os
from collections.abc import Callable
from typing import TypeVar

from ragstone_server.config.secrets import as_written, literal_secrets, resolve_secrets
from ragstone_server.registry.registry import Registry, Selection
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.errors import GenerationMismatch, InvalidRequest, StartError
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.generations import GenerationRecord, Recipe, StageChoice
from ragstone_server.spi.kinds import CHUNKER, EMBEDDER, Kind

StageT = TypeVar("StageT")


class Generations:
    """Fits `GenerationOpener`. What two generations have in common is opened once."""

    def __init__(
        self,
        registry: Registry,
        configured: GenerationStages,
        recipe: Recipe,
        shared: Callable[[Embedder], Embedder],
    ) -> None:
        """`shared` has the texts of several documents share the calls of an embedder."""
        self.configured = configured
        self.recipe = recipe
        self._registry = registry
        self._shared = shared
        self._opened = {recipe: configured}

    async def of(self, record: GenerationRecord, /) -> GenerationStages:
        """Raises `GenerationMismatch`."""
        try:
            stages = self.configured if record.recipe is None else await self.by_recipe(record.recipe)
        except InvalidRequest as error:
            raise GenerationMismatch(
                f"generation {record.number} cannot be opened any more: {error}",
                metadata={"stored": record.generation.fingerprint, "configured": ""},
            ) from error
        if stages.generation != record.generation:
            raise GenerationMismatch(
                f"generation {record.number} was made by {record.generation.fingerprint}, and the server opens "
                f"{stages.generation.fingerprint} for it; have the former back, or reindex the collection",
                metadata={"stored": record.generation.fingerprint, "configured": stages.generation.fingerprint},
            )
        return stages

    async def by_recipe(self, recipe: Recipe, /) -> GenerationStages:
        """Raises `InvalidRequest`."""
        if recipe not in self._opened:
            # What the configuration selects may have secrets that no recipe has.
            if recipe.embedder == self.recipe.embedder:
                embedder = self.configured.embedder
            else:
                embedder = self._shared(await self._open(EMBEDDER, recipe.embedder))
            if recipe.chunker == self.recipe.chunker:
                chunker = self.configured.chunker
            else:
                chunker = await self._open(CHUNKER, recipe.chunker)
            self._opened.setdefault(recipe, GenerationStages(embedder=embedder, chunker=chunker))
        return self._opened[recipe]

    async def _open(self, kind: Kind[StageT], choice: StageChoice) -> StageT:
        """Raises `InvalidRequest`."""
        written = json.loads(choice.config)
        try:
            literal = literal_secrets(self._registry.offers.find(kind, choice.use).provider.config, written)
            if literal:
                raise InvalidRequest(
                    f"{kind.name}: {', '.join(literal)}: a generation keeps what it is opened with; name the secret, as in "
                    "env:NAME or file:PATH"
                )
            return await self._registry.open_other(
                kind, choice.use, resolve_secrets({kind.name: written}, os.environ)[kind.name]
            )
        except StartError as error:
            raise InvalidRequest(str(error)) from error


def choice_of(registry: Registry, kind: Kind[StageT], selection: Selection) -> StageChoice:
    """What the configuration selects, as a generation keeps it: with references to secrets, and without those that are none."""
    written = as_written(selection.config)
    for path in literal_secrets(registry.offers.find(kind, selection.use).provider.config, written):
        setting, _, key = path.partition(".")
        del (written[setting] if key else written)[key or setting]
    return StageChoice(use=selection.use, config=json.dumps(written, sort_keys=True, default=str))
