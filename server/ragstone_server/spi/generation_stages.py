"""What makes the passages and the vectors of a generation."""

from dataclasses import dataclass
from typing import Protocol

from ragstone_server.spi.chunker import Chunker
from ragstone_server.spi.embedder import Embedder
from ragstone_server.spi.generations import Generation, GenerationRecord, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStages:
    """A chunker and an embedder that belong together."""

    embedder: Embedder
    chunker: Chunker

    @property
    def generation(self) -> Generation:
        """Their fingerprints."""
        return Generation(embedder=self.embedder.fingerprint, chunker=self.chunker.fingerprint)


class GenerationOpener(Protocol):
    """Opens the stages of generations, each once."""

    @property
    def configured(self) -> GenerationStages:
        """What the configuration selects, for a collection's first generation and for the next."""
        ...

    @property
    def recipe(self) -> Recipe:
        """How the configured ones are opened again, when the configuration selects others."""
        ...

    async def of(self, record: GenerationRecord, /) -> GenerationStages:
        """The stages of a generation. Raises `GenerationMismatch` where they no longer have its fingerprints."""
        ...

    async def by_recipe(self, recipe: Recipe, /) -> GenerationStages:
        """The stages of a recipe. Raises `InvalidRequest` where there are none."""
        ...
