"""Topics of a broker, made and removed from any test, whether it has an event loop or not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.protocol.admin import CreateAclsRequest

_PATIENCE_SECONDS: Final = 30.0
_TOPIC, _GROUP, _LITERAL, _ALLOW = 2, 3, 3, 3
"""Numbers of Kafka's protocol."""


class Operation(IntEnum):
    """What may be allowed, by its number in Kafka's protocol."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8


def create(bootstrap: str, topic: str, partitions: int, settings: Mapping[str, str]) -> None:
    """Make a topic."""

    async def work() -> None:
        async with _admin(bootstrap) as admin:
            wanted = NewTopic(topic, partitions, replication_factor=1, topic_configs=dict(settings))
            answer = await admin.create_topics([wanted])
            # It raises nothing by itself.
            refused = [error for error in answer.topic_errors if error[1] != 0]
            assert refused == [], refused

    _elsewhere(work)


def delete(bootstrap: str, *topics: str) -> None:
    """Remove topics."""

    async def work() -> None:
        async with _admin(bootstrap) as admin:
            await admin.delete_topics(list(topics))

    _elsewhere(work)


def allow(bootstrap: str, user: str, operation: Operation, *, topic: str = "", group: str = "") -> None:
    """Let a user who logs in do that to a topic or a group."""
    kind, name = (_TOPIC, topic) if topic else (_GROUP, group)
    request = CreateAclsRequest(kind, name, _LITERAL, f"User:{user}", "*", operation, _ALLOW)

    async def work() -> None:
        async with _admin(bootstrap) as admin:
            answer = await admin._send_request(request)  # there is no call for it
            refused = [error for error in answer.creation_responses if error[0] != 0]
            assert refused == [], refused

    _elsewhere(work)


def answers(bootstrap: str) -> None:
    """Return if there is a broker; raise what its client raises if not."""

    async def work() -> None:
        async with _admin(bootstrap):
            pass

    _elsewhere(work)


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await admin.start()
            yield admin
    finally:
        # It hangs where the broker is away.
        await asyncio.wait_for(asyncio.shield(admin.close()), _PATIENCE_SECONDS)


def _elsewhere(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run in a loop of its own, in a thread: the caller's may be running."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(work())).result()
