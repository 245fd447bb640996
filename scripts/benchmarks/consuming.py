"""Events of a topic, and how fast they are applied."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence

import psutil
import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

TOPIC = "documents"
HEADERS = [("content-type", b"application/json")]
LONGEST_S = 600.0


def event(document: str, version: int, text: str) -> tuple[bytes, bytes]:
    """Key and value of an upsert."""
    fields = {"title": document, "text": text, "mimeType": "text/plain", "metadata": {"kind": "bench"}}
    value = {"collection": "default", "document": document, "version": str(version), "upsert": fields}
    return f"default/{document}".encode(), json.dumps(value).encode()


def produce(bootstrap: str, events: Iterable[tuple[bytes, bytes]]) -> None:
    """Send them all; return when the broker has them."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20)
        await producer.start()
        try:
            for key, value in events:
                await producer.send(TOPIC, value, key=key, headers=HEADERS)
            await producer.flush()
        finally:
            await producer.stop()

    asyncio.run(send())


def bare_rate(bootstrap: str, count: int) -> float:
    """Events a second that the bare client library reads of the same topic."""

    async def read() -> float:
        consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            began, got = time.perf_counter(), 0
            while got < count:
                got += sum(len(records) for records in (await consumer.getmany(timeout_ms=500)).values())
            return got / (time.perf_counter() - began)
        finally:
            await consumer.stop()

    return asyncio.run(read())


class Applying:
    """Measures how fast a running server applies events."""

    def __init__(self, bootstrap: str, url: str, server: int) -> None:
        """`server` is the process of the server, which is held while events are produced."""
        self._bootstrap = bootstrap
        self._url = url
        self._server = psutil.Process(server)
        self._sent = 0

    def __call__(self, events: Sequence[tuple[bytes, bytes]]) -> dict[str, float]:
        """Events a second, from a full topic to the last commit, and the server's CPU an event in ms."""
        self._server.suspend()
        produce(self._bootstrap, events)
        self._sent += len(events)
        cpu = self._cpu()
        self._server.resume()
        began = time.perf_counter()
        with psycopg.connect(self._url, autocommit=True) as connection:
            while self._applied(connection) < self._sent:
                if time.perf_counter() - began > LONGEST_S:
                    raise TimeoutError(f"{self._applied(connection)} of {self._sent} events are applied")
                time.sleep(0.02)
        seconds = time.perf_counter() - began
        return {
            "events": len(events),
            "events_per_s": len(events) / seconds,
            "server_cpu_ms_per_event": 1000 * (self._cpu() - cpu) / len(events),
        }

    def _cpu(self) -> float:
        times = self._server.cpu_times()
        return float(times.user + times.system)

    def _applied(self, connection: "psycopg.Connection[tuple[int]]") -> int:
        row = connection.execute("SELECT coalesce(sum(next), 0) FROM source").fetchone()
        assert row is not None
        return int(row[0])


def delays(bootstrap: str, search: Callable[[str], bool], count: int, per_second: float) -> list[float]:
    """Seconds from producing an event to finding its document, one after the other at a steady rate."""
    found = []
    for number in range(count):
        word = f"zyx{number}w{int(time.time())}"
        began = time.perf_counter()
        produce(bootstrap, [event(f"delay-{word}", 1, f"The word of this one is {word}.")])
        while not search(word):
            time.sleep(0.01)
        found.append(time.perf_counter() - began)
        time.sleep(max(0.0, 1 / per_second - found[-1]))
    return sorted(found)
