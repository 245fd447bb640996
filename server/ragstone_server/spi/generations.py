"""Generations of a collection's index: what made its passages and vectors, and which of them answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

GenerationNumber = NewType("GenerationNumber", int)
"""Of a generation within its collection, from 1; none is given twice."""

FIRST = GenerationNumber(1)


class GenerationState(StrEnum):
    """Where a generation stands. Documents are written to it in every state."""

    BUILDING = "building"
    """Documents from before it are being cut and embedded for it."""
    READY = "ready"
    """It has all documents, and may become live."""
    LIVE = "live"
    """It answers; one of a collection that has had a document."""
    FORMER = "former"
    """It was live, and may become so again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Fingerprints of what made the passages and the vectors of a collection."""

    embedder: str
    chunker: str

    @property
    def fingerprint(self) -> str:
        """Both as one text."""
        return f"{self.embedder}+{self.chunker}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChoice:
    """A provider and its section of the configuration."""

    use: str
    config: str
    """A JSON object, as it was written: secrets are references."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to open again what made a generation."""

    embedder: StageChoice
    chunker: StageChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRecord:
    """One generation of a collection."""

    number: GenerationNumber
    generation: Generation
    recipe: Recipe | None
    """None: what the server is configured with, which has to have the fingerprints."""
    state: GenerationState
    created: datetime
    activated: datetime | None
    """When it became live, the last time."""
