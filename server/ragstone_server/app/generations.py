"""Opens what makes the passages and vectors of generations, as their recipes say."""

import json
from collections.abc import Callable

from ragstone_server.config.errors import ConfigurationInvalid
from ragstone_server.registry.registry import Registry, Selection
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.errors import GenerationMismatch, InvalidRequest, StartError
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.generations import GenerationRecord, Recipe, StageChoice
from ragstone_server.spi.kinds import CHUNKER, EMBEDDER


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
            try:
                embedder = await self._registry.open_other(EMBEDDER, *_selected(recipe.embedder))
                chunker = await self._registry.open_other(CHUNKER, *_selected(recipe.chunker))
            except (StartError, ConfigurationInvalid) as error:
                raise InvalidRequest(str(error)) from error
            self._opened.setdefault(recipe, GenerationStages(embedder=self._shared(embedder), chunker=chunker))
        return self._opened[recipe]


def choice_of(selection: Selection) -> StageChoice:
    """What the configuration selects, as a generation keeps it."""
    return StageChoice(use=selection.use, config=json.dumps(dict(selection.config), sort_keys=True, default=str))


def _selected(choice: StageChoice) -> tuple[str, dict[str, object]]:
    return choice.use, json.loads(choice.config)
