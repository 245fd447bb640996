"""Recorded questions: the latest distinct ones of each collection, with which two generations of its index are compared.

They are what people wrote. Nothing else is kept with them: not who asked, not what was answered.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from ragstone_server.spi.positions import CollectionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedQuestion:
    """A question as it was asked, once or more often since it was recorded last."""

    collection: CollectionKey
    text: str
    asked: datetime
    """The last time."""
    times: int = 1

    @property
    def hash(self) -> bytes:
        """Of the text; with the collection it is the key of a recorded question."""
        return hashlib.sha256(self.text.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedQuestion:
    """A question that is kept."""

    text: str
    asked: datetime
    """The last time."""
    times: int
    """How often since it was first recorded."""


class QuestionStore(Protocol):
    """Questions go with their collection. All methods may be called at once, by several processes too."""

    async def record(self, questions: Sequence[AskedQuestion], keep: int, /) -> None:
        """Keep them, and of each of their collections the latest `keep` (at least 1) alone; the same text is kept once.

        Of a collection that does not exist nothing is kept.
        """
        ...

    async def questions(self, collection: CollectionKey, limit: int, /) -> tuple[RecordedQuestion, ...]:
        """Up to `limit` of a collection, the latest first; those of one instant in an order that stays."""
        ...

    async def purge(self, collection: CollectionKey, /) -> int:
        """Delete all of a collection; return how many there were. They are gone from every log of the store, too."""
        ...


def merged(questions: Iterable[AskedQuestion]) -> tuple[AskedQuestion, ...]:
    """The same, each text of a collection once, in the order of collection and hash: who writes several locks them in turn."""
    kept: dict[tuple[CollectionKey, bytes], AskedQuestion] = {}
    for each in questions:
        former = kept.setdefault((each.collection, each.hash), each)
        if former is not each:
            kept[each.collection, each.hash] = replace(
                former, asked=max(former.asked, each.asked), times=former.times + each.times
            )
    return tuple(kept[key] for key in sorted(kept))
