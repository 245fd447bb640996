"""Rows of a local view by visibility: a number for equal attributes, stored with each row.

A question's visibility is evaluated once a number, not once a row, and only for numbers that came since the last time:
a collection without metadata has one. `passing[numbers_of_rows]` are the rows that the visibility allows.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from threading import Lock
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.visibility import Attributes, Visibility

_CACHED_ANSWERS = 64

_Question: TypeAlias = tuple[frozenset[str], bool, str]


class RowGroups:
    """Numbers, from 0, of the attributes that the documents of a view have. Safe for threads."""

    def __init__(self) -> None:
        self._attributes: list[Attributes | None] = []
        self._numbers: dict[str, int] = {}
        self._answers: OrderedDict[_Question, NDArray[np.bool_]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """How many numbers are in use."""
        return len(self._numbers)

    @property
    def end(self) -> int:
        """The next new number: one above the greatest ever given."""
        return len(self._attributes)

    def number(self, attributes: Attributes) -> int:
        """The number of these attributes, a new one where they are new."""
        key = attributes.key
        with self._lock:
            number = self._numbers.setdefault(key, len(self._attributes))
            if number == len(self._attributes):
                self._attributes.append(attributes)
            return number

    def attributes(self, number: int) -> Attributes:
        """What the number stands for. Raises `LookupError` for one that is not in use."""
        attributes = self._attributes[number]
        if attributes is None:
            raise LookupError(f"group {number} is not in use")
        return attributes

    def passing(self, visibility: Visibility) -> NDArray[np.bool_]:
        """Whether the visibility allows each number, at its index. Not to be changed by the caller."""
        # Not the visibility itself: Python holds `true` equal to `1.0`, and filters do not.
        question = (visibility.principals, visibility.default_readable, repr(visibility.filter))
        with self._lock:
            known = self._answers.get(question, np.zeros(0, dtype=np.bool_))
            if len(known) < len(self._attributes):
                fresh = [_allows(visibility, attributes) for attributes in self._attributes[len(known) :]]
                known = np.concatenate((known, np.array(fresh, dtype=np.bool_)))
            self._answers[question] = known
            self._answers.move_to_end(question)
            if len(self._answers) > _CACHED_ANSWERS:
                self._answers.popitem(last=False)
            return known

    def dump(self, start: int = 0) -> Iterator[tuple[int, str]]:
        """The numbers from `start` on that are in use, with the keys of their attributes, to be written to a file."""
        for number, attributes in enumerate(self._attributes[start:], start):
            if attributes is not None:
                yield number, attributes.key

    @classmethod
    def load(cls, groups: Iterable[tuple[int, str]]) -> "RowGroups":
        """Inverse of `dump`; numbers ascend and may have gaps."""
        loaded = cls()
        for number, key in groups:
            loaded._attributes += [None] * (number - len(loaded._attributes))
            loaded._attributes.append(Attributes.from_key(key))
            loaded._numbers[key] = number
        return loaded

    def retained(self, numbers: Collection[int]) -> "RowGroups":
        """A copy without the numbers that no row has any more. A number is never given twice."""
        copy = RowGroups()
        with self._lock:
            copy._attributes = [
                attributes if number in numbers else None for number, attributes in enumerate(self._attributes)
            ]
            copy._numbers = {key: number for key, number in self._numbers.items() if number in numbers}
        return copy


def _allows(visibility: Visibility, attributes: Attributes | None) -> bool:
    return attributes is not None and visibility.allows(attributes)
