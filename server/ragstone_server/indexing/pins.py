"""Who uses which index: it stays open as long, and what was superseded meanwhile stays readable."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from ragstone_server.spi.generations import GenerationNumber
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, Position

IndexKey: TypeAlias = tuple[CollectionKey, GenerationNumber]


@dataclass(slots=True, eq=False)
class Pin:
    """One use of an index."""

    since: Position = NO_POSITION
    """Durable position of the index when its use began; the use may rely on what a later change superseded."""


class Pins:
    """The uses that are under way."""

    def __init__(self) -> None:
        self._held: dict[IndexKey, set[Pin]] = {}

    @contextmanager
    def hold(self, key: IndexKey) -> Iterator[Pin]:
        """One use, as long as the context. May begin before the index is open."""
        pin = Pin()
        self._held.setdefault(key, set()).add(pin)
        try:
            yield pin
        finally:
            self._held[key].discard(pin)
            if not self._held[key]:
                del self._held[key]

    def held(self, key: IndexKey) -> bool:
        """Whether anyone uses it."""
        return key in self._held

    def behind(self, key: IndexKey, durable: Position) -> Position:
        """The durable position, or where it was when the oldest use that is under way began."""
        return min([durable, *(pin.since for pin in self._held.get(key, ()))])
