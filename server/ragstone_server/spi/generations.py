"""Generations of a collection's index: what made its passages and vectors, and which of them answers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias

from ragstone_server.spi.errors import GenerationNotFound, GenerationNotReady

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


Generations: TypeAlias = tuple[GenerationRecord, ...]
"""Of a collection, by their numbers."""


def live(generations: Iterable[GenerationRecord]) -> GenerationRecord | None:
    """The one that answers, or None."""
    return next((each for each in generations if each.state is GenerationState.LIVE), None)


def find(generations: Iterable[GenerationRecord], number: GenerationNumber) -> GenerationRecord:
    """The one of the number. Raises `GenerationNotFound`."""
    found = next((each for each in generations if each.number == number), None)
    if found is None:
        raise GenerationNotFound(f"the collection has no generation {number}", metadata={"generation": str(number)})
    return found


def added(generations: Generations, record: GenerationRecord) -> Generations:
    """With a further one, which is activated at its creation where it is live."""
    activated = record.created if record.state is GenerationState.LIVE else None
    return (*generations, replace(record, activated=activated))


def moved(generations: Generations, number: GenerationNumber, state: GenerationState, now: datetime) -> Generations:
    """With one in another state; where it becomes live, the one that was becomes a former one. Raises `GenerationNotFound`."""
    find(generations, number)
    becomes_live = state is GenerationState.LIVE

    def after(each: GenerationRecord) -> GenerationRecord:
        if each.number == number:
            return replace(each, state=state, activated=now if becomes_live else each.activated)
        former = becomes_live and each.state is GenerationState.LIVE
        return replace(each, state=GenerationState.FORMER) if former else each

    return tuple(map(after, generations))


def without(generations: Generations, number: GenerationNumber) -> Generations:
    """Without one, whether it is there or not. Raises `GenerationNotReady` where it is live."""
    current = live(generations)
    if current is not None and current.number == number:
        raise GenerationNotReady(f"generation {number} is live", metadata={"state": current.state})
    return tuple(each for each in generations if each.number != number)
