"""Rows of a local view by visibility: passages grouped by the attributes of their documents, a bitmap a group.

A question's visibility is evaluated once a group, not once a row: a collection without metadata is one group.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from pyroaring import BitMap64

from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.visibility import Attributes, Visibility

_CACHED_ANSWERS = 64


class RowGroups:
    """Bitmaps of passage keys by equal attributes. Not safe for threads: the owner's event loop calls it."""

    def __init__(self) -> None:
        self._groups: dict[str, tuple[Attributes, BitMap64]] = {}
        self._answers: OrderedDict[Visibility, BitMap64 | None] = OrderedDict()

    def add(self, attributes: Attributes, keys: Iterable[PassageKey]) -> None:
        """Put passages into the group of these attributes."""
        self._answers.clear()
        self._groups.setdefault(attributes.key, (attributes, BitMap64()))[1].update(keys)

    def remove(self, keys: Iterable[PassageKey]) -> None:
        """Take passages out of whatever group they are in."""
        self._answers.clear()
        gone = BitMap64(keys)
        for name, (_, rows) in list(self._groups.items()):
            rows -= gone
            if not rows:
                del self._groups[name]

    def __len__(self) -> int:
        """How many passages there are."""
        return sum(len(rows) for _, rows in self._groups.values())

    def allowed(self, visibility: Visibility) -> BitMap64 | None:
        """Keys that the visibility allows; None where it allows every one. Not to be changed by the caller."""
        if visibility not in self._answers:
            self._answers[visibility] = self._evaluate(visibility)
            if len(self._answers) > _CACHED_ANSWERS:
                self._answers.popitem(last=False)
        return self._answers[visibility]

    def _evaluate(self, visibility: Visibility) -> BitMap64 | None:
        passing = [rows for attributes, rows in self._groups.values() if visibility.allows(attributes)]
        return None if len(passing) == len(self._groups) else BitMap64.union(BitMap64(), *passing)

    def dump(self) -> Iterator[tuple[str, bytes]]:
        """Every group as (key of its attributes, serialised bitmap), to be written to a file."""
        for name, (_, rows) in self._groups.items():
            yield name, rows.serialize()

    @classmethod
    def load(cls, groups: Iterable[tuple[str, bytes]]) -> "RowGroups":
        """Inverse of `dump`."""
        loaded = cls()
        for name, rows in groups:
            loaded._groups[name] = (Attributes.from_key(name), BitMap64.deserialize(rows))
        return loaded
