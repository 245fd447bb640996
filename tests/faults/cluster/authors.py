"""What producers send, from a seed: documents in growing versions, and all the disorder that producers make."""

import random
from collections.abc import Iterator
from typing import Final

from ragstone import events
from ragstone.events import Record
from tests.faults.cluster.cluster import NOTES
from tests.faults.cluster.truth import BAD, Name, Operation

DOCUMENTS: Final = 60
"""Of each kind; few, so that each is written many times."""
_LONG: Final = 40
"""Sentences of a document of several passages."""

_BAD: Final = (
    ("documents", b"default/broken", b'{"collection": "default", "docu'),
    ("documents", b"default/other", b'{"collection": "default", "document": "another", "version": "1", "delete": {}}'),
    ("documents", b"nowhere/d", b'{"collection": "nowhere", "document": "d", "version": "1", "upsert": {"text": "a"}}'),
    ("documents", b"default/f", b'{"collection": "default", "document": "f", "version": "1", "upsert": {"body": "a"}}'),
    (NOTES, b"empty", b""),
)


def word(name: Name, version: int | None = None) -> str:
    """Stands in the text of one document alone, or of one of its versions."""
    plain = f"{name[0]}{name[1]}".replace("-", "")
    return f"{plain}q" if version is None else f"{plain}v{version}q"


class Author:
    """Writes the documents of one kind."""

    def __init__(self, seed: str, collection: str, kind: str, step: int = 1, first: int = 1) -> None:
        """Versions are `first`, `first + step` and so on: two authors of the same documents never give one twice."""
        self._chance = random.Random(seed)
        self._collection = collection
        self._kind = kind
        self._step = step
        self._first = first
        self._versions: dict[Name, int] = {}
        self._texts: dict[Name, dict[int, str]] = {}

    def operations(self, several: int, *, tombstones: bool) -> list[Operation]:
        """The next ones, of as many documents."""
        numbers = self._chance.sample(range(DOCUMENTS), several)
        return [self._one((self._collection, f"{self._kind}-{number}"), tombstones) for number in numbers]

    def _one(self, name: Name, tombstones: bool) -> Operation:
        known = self._texts.setdefault(name, {})
        last = self._versions.get(name, 0)
        version = last + self._step * self._chance.choice((1, 1, 1, 3)) if last else self._first
        dice = self._chance.random()
        if last and dice < 0.08:  # once more
            again = self._chance.choice(sorted(known)) if known else last
            return Operation(name=name, version=again, text=known.get(again))
        if last > 4 * self._step and dice < 0.16:  # late
            late = last - self._step * self._chance.choice((1, 2))
            return Operation(name=name, version=late, text=known.setdefault(late, self._text(name, late)))
        self._versions[name] = version
        if dice < 0.24:
            return Operation(name=name, version=version, text=None)
        if tombstones and dice < 0.30:
            self._versions[name] = last
            return Operation(name=name, version=None, text=None)
        same = known.get(last) if dice < 0.40 else None  # a new version of the same content
        known[version] = same or self._text(name, version)
        return Operation(name=name, version=version, text=known[version])

    def _text(self, name: Name, version: int) -> str:
        text = f"The bell {word(name)} rings number {word(name, version)}."
        if self._chance.random() < 0.04:
            text += "".join(
                f" Then bell {word(name)} rings again at {i} o'clock over {version} roofs." for i in range(_LONG)
            )
        return text


def record(operation: Operation, *, json: bool) -> tuple[str, Record]:
    """The topic and the record of an operation."""
    collection, document = operation.name
    topic, stated = (NOTES, "") if collection == NOTES else ("documents", collection)
    if operation.version is None:
        return topic, events.tombstone(collection, document)
    if operation.text is None:
        event = events.delete(stated, document, version=operation.version)
    else:
        event = events.upsert(
            stated, document, text=operation.text, version=operation.version, metadata={"n": operation.version}
        )
    made = events.encode(event, "json" if json else "protobuf")
    # Where the topic is bound the key may be either; a record without a value needs the long one, and all need the same.
    return topic, made._replace(key=f"{collection}/{document}".encode())


def bad(seed: str) -> Iterator[tuple[str, Record]]:
    """Events that can never be applied."""
    chance = random.Random(seed)
    while True:
        topic, key, value = chance.choice(_BAD)
        yield topic, Record(key, value, [(BAD, b"1")])
