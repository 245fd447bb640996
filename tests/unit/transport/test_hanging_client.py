"""A Kafka client that hangs is replaced by a new one."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from ragstone_server.transport.kafka import consumer as module
from ragstone_server.transport.kafka.consumer import Consumer
from ragstone_server.transport.kafka.flow import Flow
from ragstone_server.transport.kafka.settings import KafkaSettings

PLACE = TopicPartition("documents", 0)


class Client:
    """Fetches nothing; the first one hangs, in one way or another."""

    def __init__(self, number: int, hangs: str) -> None:
        self.number = number
        self.hangs = hangs if number == 0 else ""

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def topics(self) -> set[str]:
        return {"documents"}

    def subscribe(self, topics: list[str], listener: object) -> None:
        pass

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[Any, Any]:
        await asyncio.sleep(3600 if self.hangs == "getmany" else 0.01)
        return {}

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self.hangs == "end_offsets":
            raise KafkaTimeoutError
        return dict.fromkeys(places, 7)

    def highwater(self, place: TopicPartition) -> int:
        return 3 if self.hangs == "fetching" else 7

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def paused(self) -> set[Any]:
        return set()


@pytest.mark.parametrize("hangs", ["getmany", "end_offsets", "fetching"])
async def test_p1_a_client_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch, hangs: str) -> None:
    made: list[Client] = []

    def make(settings: KafkaSettings) -> Client:
        made.append(Client(len(made), hangs))
        return made[-1]

    monkeypatch.setattr(module, "make_consumer", make)
    monkeypatch.setattr(module, "HANGING_SESSIONS", 0.05)
    monkeypatch.setattr(module, "GROUP_COMMIT_S", 0.01)
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1", topics=("documents",), session_seconds=6)

    def no_partition(*_: object) -> Any:
        raise AssertionError("nothing is assigned")

    async with Consumer(settings, Flow(10, 1 << 20, 1), no_partition).running() as consumer, asyncio.timeout(30):
        while len(made) < 2 or consumer.failure:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
    assert len(made) == 2
