"""A Kafka client that hangs is replaced by a new one."""

import asyncio
from typing import Any

import pytest

from ragstone_server.transport.kafka import consumer as module
from ragstone_server.transport.kafka.consumer import Consumer
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.settings import KafkaSettings


class Client:
    """Fetches nothing; the first one does not even return."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def topics(self) -> set[str]:
        return {"documents"}

    def subscribe(self, topics: list[str], listener: object) -> None:
        pass

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[Any, Any]:
        await asyncio.sleep(0.01 if self.number else 3600)
        return {}

    def paused(self) -> set[Any]:
        return set()


async def test_p1_a_client_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Client] = []

    def make(settings: KafkaSettings) -> Client:
        made.append(Client(len(made)))
        return made[-1]

    monkeypatch.setattr(module, "make_consumer", make)
    monkeypatch.setattr(module, "HANGING_SESSIONS", 0.01)
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1", topics=("documents",), session_seconds=6)

    def no_partition(*_: object) -> Any:
        raise AssertionError("nothing is assigned")

    async with Consumer(settings, Flow(10, 1 << 20, 1), no_partition).running() as consumer, asyncio.timeout(30):
        while consumer.failure:
            await asyncio.sleep(0.01)
    assert len(made) == 2
