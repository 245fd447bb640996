"""What must be true at the end: read from the topics themselves, and from what was acknowledged by RPC."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from google.protobuf import json_format

from ragstone.events import DocumentEvent

BAD: Final = "test-bad"
"""Header of an event that has to become a dead letter."""
Place = tuple[str, int]
"""A topic and a partition."""
Name = tuple[str, str]
"""A collection and a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One write of one document."""

    name: Name
    version: int | None
    """None: the stored one, of a record without a value."""
    text: str | None
    """None: a deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is known of a document."""

    version: int
    text: str | None
    """None: it is deleted."""


def after(stored: Stored | None, operation: Operation) -> Stored | None:
    """What is stored when an operation came, by the rules of the contract and not by the code that is tested."""
    version = operation.version
    if version is None:
        return stored and Stored(version=stored.version, text=None)
    if stored is not None and version <= stored.version:
        return stored
    return Stored(version=version, text=operation.text)


@dataclass(slots=True)
class Truth:
    """Of one run."""

    documents: dict[Name, Stored] = field(default_factory=dict)
    bad: set[tuple[str, int, int]] = field(default_factory=set)
    """Topic, partition, offset."""
    ends: dict[Place, int] = field(default_factory=dict)

    @property
    def living(self) -> dict[Name, Stored]:
        """Documents that are to be found."""
        return {name: stored for name, stored in self.documents.items() if stored.text is not None}

    def take(self, operations: Iterable[Operation]) -> None:
        """Operations in the order in which they count."""
        for operation in operations:
            stored = after(self.documents.get(operation.name), operation)
            if stored is not None:
                self.documents[operation.name] = stored


def read(bootstrap: str, topics: Mapping[str, int]) -> Truth:
    """Everything that the topics hold."""
    truth = Truth()
    places = [(topic, number) for topic, partitions in topics.items() for number in range(partitions)]
    for record in asyncio.run(records(bootstrap, places, truth.ends)):
        if any(name == BAD for name, _ in record.headers):
            truth.bad.add((record.topic, record.partition, record.offset))
        else:
            truth.take([_operation(record)])
    return truth


async def records(bootstrap: str, places: Iterable[Place], ends: dict[Place, int]) -> list[ConsumerRecord]:
    """All records of partitions, each partition in its order; fills in where they end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(*place) for place in places]
        consumer.assign(partitions)
        found = []
        last = await consumer.end_offsets(partitions)
        ends.update({(place.topic, place.partition): end for place, end in last.items()})
        await consumer.seek_to_beginning(*partitions)
        while any([await consumer.position(place) < last[place] for place in partitions]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


def _operation(record: ConsumerRecord) -> Operation:
    if record.value is None:
        collection, _, document = record.key.decode().partition("/")
        return Operation(name=(collection, document), version=None, text=None)
    event = DocumentEvent()
    if record.value.startswith(b"{"):
        json_format.Parse(record.value, event)
    else:
        event.ParseFromString(record.value)
    name = (event.collection or record.topic, event.document)
    return Operation(name=name, version=event.version, text=event.upsert.text if event.HasField("upsert") else None)
