"""Topics of a run, full of events; they are removed at its end."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ragstone_server.bench.kafka.events import HEADERS, Event
from ragstone_server.bench.kafka.services import Services

PARTITIONS: Final = 4


def new_topic(services: Services, name: str, events: Sequence[Event] = ()) -> str:
    """Make a topic of several partitions, with the events in it; its name."""
    unique = f"ragstone-bench-{name}-{uuid.uuid4().hex[:8]}"
    asyncio.run(_create(services.bootstrap, unique))
    services.made.callback(lambda: asyncio.run(_delete(services.bootstrap, unique)))
    if events:
        asyncio.run(_produce(services.bootstrap, unique, events))
    return unique


async def _create(bootstrap: str, topic: str) -> None:
    async with _admin(bootstrap) as admin:
        answer = await admin.create_topics([NewTopic(topic, PARTITIONS, replication_factor=1)])
        refused = [error for error in answer.topic_errors if error[1] != 0]  # it raises nothing by itself
        if refused:
            raise OSError(f"the topic cannot be made: {refused}")


async def _delete(bootstrap: str, topic: str) -> None:
    async with _admin(bootstrap) as admin:
        await admin.delete_topics([topic])


async def _produce(bootstrap: str, topic: str, events: Iterable[Event]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=256 * 1024) as producer:
        for event in events:
            await producer.send(topic, event.value, key=event.key, headers=HEADERS)


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
