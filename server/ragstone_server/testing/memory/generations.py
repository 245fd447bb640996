"""The same stages for every generation, for tests."""

from ragstone_server.spi.chunker import Chunker
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.errors import GenerationMismatch, InvalidRequest
from ragstone_server.spi.generation_stages import GenerationStages
from ragstone_server.spi.generations import GenerationRecord, Recipe, StageChoice


class MemoryGenerations:
    """Fits `GenerationOpener`; knows the recipes that it is told of."""

    def __init__(self, embedder: Embedder, chunker: Chunker) -> None:
        self.configured = GenerationStages(embedder=embedder, chunker=chunker)
        self.recipe = Recipe(
            embedder=StageChoice(use="memory", config="{}"), chunker=StageChoice(use="memory", config="{}")
        )
        self._known = {self.recipe: self.configured}

    def know(self, recipe: Recipe, stages: GenerationStages) -> None:
        """Have stages for a further recipe."""
        self._known[recipe] = stages

    async def of(self, record: GenerationRecord, /) -> GenerationStages:
        """Raises `GenerationMismatch`."""
        stages = self.configured if record.recipe is None else await self.by_recipe(record.recipe)
        if stages.generation != record.generation:
            raise GenerationMismatch
        return stages

    async def by_recipe(self, recipe: Recipe, /) -> GenerationStages:
        """Raises `InvalidRequest`."""
        if recipe not in self._known:
            raise InvalidRequest("there is no such recipe")
        return self._known[recipe]
