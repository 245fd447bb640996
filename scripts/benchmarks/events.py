"""Events of documents, and topics that are full of them."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from tests.services import topics

PIECE = 500
"""Characters of a document, about; one passage."""
PARTITIONS = 4
TITLE = "Bench"
HEADERS = [("content-type", b"application/json")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An upsert."""

    document: str
    version: int
    text: str
    collection: str = "default"
    kind: str = "bench"
    """Its metadata."""

    @property
    def key(self) -> bytes:
        """As producers are told to make it."""
        return f"{self.collection}/{self.document}".encode()

    @property
    def value(self) -> bytes:
        """As ProtoJSON."""
        upsert = {"title": TITLE, "text": self.text, "mimeType": "text/plain", "metadata": {"kind": self.kind}}
        event = {"collection": self.collection, "document": self.document, "version": str(self.version)}
        return json.dumps({**event, "upsert": upsert}).encode()


def pieces(texts: Iterable[str]) -> list[str]:
    """Short documents: paragraphs, joined until they are long enough; each once."""
    found: dict[str, None] = {}
    for text in texts:
        piece = ""
        for paragraph in text.split("\n\n"):
            piece = f"{piece}\n\n{paragraph.strip()}".strip()
            if len(piece) >= PIECE:
                found[piece[: 2 * PIECE]] = None
                piece = ""
    return list(found)


def new_topic(bootstrap: str, name: str, events: Sequence[Event] = ()) -> str:
    """Make a topic of several partitions, with the events in it; its name."""
    topics.create(bootstrap, name, PARTITIONS, {})
    if events:
        asyncio.run(produce(bootstrap, name, events))
    return name


async def produce(bootstrap: str, topic: str, events: Iterable[Event]) -> None:
    """Send them as fast as it goes; return when the broker has them."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=256 * 1024) as producer:
        for event in events:
            await producer.send(topic, event.value, key=event.key, headers=HEADERS)
