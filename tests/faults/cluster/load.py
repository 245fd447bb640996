"""Producers under way: to the topics, and by RPC. What was not acknowledged is sent again, as a good producer does."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ragstone import Client, FailedPrecondition, RagstoneError
from ragstone.events import Record
from tests.faults.cluster.authors import Author, bad, record, word
from tests.faults.cluster.cluster import NOTES, TOPICS, Cluster
from tests.faults.cluster.truth import Operation, Place, Truth

ROUND_S: Final = 0.5
SEVERAL: Final = 3
PROBE: Final = "probe"
_CALL_S: Final = 10.0

# While the broker is away its client writes hundreds of lines.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class Load:
    """Writes from its context's begin to its end; at the end everything is acknowledged."""

    def __init__(self, cluster: Cluster, seed: int, pause_s: float = ROUND_S) -> None:
        self.failures: list[BaseException] = []
        self.produced: dict[Place, int] = {}
        """Offset behind the last record that was acknowledged."""
        self.count = 0
        self.acknowledged: list[Operation] = []
        """By RPC, in their order."""
        self.watermark = ""
        """Of the last write by RPC to the collection `default`."""
        self._cluster = cluster
        self._seed = seed
        self._pause_s = pause_s
        self._ended = threading.Event()
        self._producer: AIOKafkaProducer | None = None
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in (self._produce, self._call)]

    def begin(self) -> None:
        """Write until `end`."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Return when the last write is acknowledged."""
        self._ended.set()
        for thread in self._threads:
            thread.join(180)
            assert not thread.is_alive(), "a producer hangs"
        assert not self.failures, self.failures

    def probe(self) -> tuple[int, dict[Place, int]]:
        """Put an event of a new version into every partition; where each lies. Other writes go on."""
        version = int(time.time() * 1000)
        places = [(topic, number) for topic, partitions in TOPICS.items() for number in range(partitions)]
        return version, asyncio.run(self._send_probes(places, version))

    def truth_of_rpc(self, truth: Truth) -> None:
        """Add what was acknowledged by RPC. Versions are unique, and so the greatest counts, whatever came first."""
        truth.take(self.acknowledged)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failures.append(error)
            raise

    def _produce(self) -> None:
        asyncio.run(self._to_topics())

    async def _to_topics(self) -> None:
        seed = f"{self._seed}-topics"
        chance = random.Random(seed)
        only = Author(f"{seed}-only", "default", "event")
        mixed = Author(f"{seed}-mixed", "default", "both", step=2, first=1)
        notes = Author(f"{seed}-notes", NOTES, "note")
        broken = bad(f"{seed}-bad")
        while not self._ended.is_set():
            operations = only.operations(SEVERAL, tombstones=True)
            operations += mixed.operations(1, tombstones=False)
            operations += notes.operations(2, tombstones=True)
            sent = [record(operation, json=chance.random() < 0.5) for operation in operations]
            if chance.random() < 0.15:
                sent.append(next(broken))
            await self._sent(sent)
            await asyncio.sleep(self._pause_s * chance.uniform(0.3, 1.0))
        if self._producer is not None:
            await _stopped(self._producer)

    async def _sent(self, records: list[tuple[str, Record]]) -> None:
        """All at once, of different documents; those that are not acknowledged again, before anything that follows."""
        left, starting = records, False
        while left:
            if self._producer is None:
                self._producer = _make_producer(self._cluster)
                starting = True
            try:
                if starting:
                    await self._producer.start()
                    starting = False
                left = await self._attempt(self._producer, left)
            except KafkaError:
                await asyncio.sleep(0.3)
            if left:
                producer, self._producer = self._producer, None
                await _stopped(producer)

    async def _attempt(self, producer: AIOKafkaProducer, records: list[tuple[str, Record]]) -> list[tuple[str, Record]]:
        sends = [producer.send_and_wait(topic, **each._asdict()) for topic, each in records]
        failed = []
        for each, done in zip(records, await asyncio.gather(*sends, return_exceptions=True), strict=True):
            if isinstance(done, KafkaError):
                failed.append(each)
            elif isinstance(done, BaseException):
                raise done
            else:
                self._note((done.topic, done.partition), done.offset)
        return failed

    async def _send_probes(self, places: list[Place], version: int) -> dict[Place, int]:
        found: dict[Place, int] = {}
        while len(found) < len(places):
            producer = _make_producer(self._cluster)
            try:
                await producer.start()
                for topic, partition in set(places) - set(found):
                    name = ("default" if topic != NOTES else NOTES, f"{PROBE}{topic}{partition}")
                    text = f"The bell {word(name)} rings number."
                    _, made = record(Operation(name=name, version=version, text=text), json=False)
                    done = await producer.send_and_wait(topic, **made._asdict(), partition=partition)
                    found[topic, partition] = done.offset
            except KafkaError:
                await asyncio.sleep(0.1)
            finally:
                await _stopped(producer)
        return found

    def _note(self, place: Place, offset: int) -> None:
        self.count += 1
        self.produced[place] = max(self.produced.get(place, 0), offset + 1)

    def _call(self) -> None:
        nodes = self._cluster.having("ingest")
        seed = f"{self._seed}-rpc"
        chance = random.Random(seed)
        own = Author(f"{seed}-own", "default", "call")
        mixed = Author(f"{seed}-mixed", "default", "both", step=2, first=2)
        clients = [node.client() for node in nodes]
        try:
            while clients and not self._ended.is_set():
                for operation in own.operations(1, tombstones=False) + mixed.operations(1, tombstones=False):
                    while not self._written(chance.choice(clients), operation):
                        time.sleep(0.2)
                    self.acknowledged.append(operation)
                time.sleep(self._pause_s * chance.uniform(0.3, 1.0))
        finally:
            for client in clients:
                client.close()

    def _written(self, client: Client, operation: Operation) -> bool:
        """Whether it is acknowledged, or known to be older than what is stored."""
        collection, document = operation.name
        version = operation.version
        try:
            if operation.text is None:
                self.watermark = client.delete_document(
                    document, version=version, collection=collection, timeout=_CALL_S
                )
            else:
                metadata = {"n": version or 0}
                self.watermark = client.upsert_document(
                    document, text=operation.text, version=version, metadata=metadata, timeout=_CALL_S
                ).watermark
        except FailedPrecondition as error:
            assert error.reason == "VERSION_STALE", error
        except RagstoneError:
            return False
        return True


def _make_producer(cluster: Cluster) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=cluster.kafka.bootstrap, acks="all", enable_idempotence=True, request_timeout_ms=5000
    )


async def _stopped(producer: AIOKafkaProducer) -> None:
    """It would wait for a broker that is away."""
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait({stopping}, timeout=2)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
