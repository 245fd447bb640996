"""Dead letters go to their topic, at least once each; what is wrong with one holds up no other."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import errors as kafka

from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.spi.sources import DeadLetterId, SourceName
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.transport.kafka import letters
from ragstone_server.transport.kafka.letters import Letters
from ragstone_server.transport.kafka.settings import KafkaSettings
from tests.letters import SAMPLE, put
from tests.unit.transport.kafka.bench import eventually
from tests.unit.transport.kafka.virtual import in_virtual_time

SETTINGS = KafkaSettings.model_validate({"bootstrap_servers": "127.0.0.1:9", "topics": ("documents",)})
SOURCE = SAMPLE.source


class Producer:
    """Fits the client's producer."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.starts = 0
        self.stops = 0
        self.starting: list[Exception] = []
        self.largest = 10**9
        self.hangs = False
        self.failures: list[Exception] = []

    async def start(self) -> None:
        self.starts += 1
        if self.starting:
            raise self.starting.pop()

    async def stop(self) -> None:
        self.stops += 1

    async def send(self, topic: str, **message: Any) -> "asyncio.Future[object]":
        if len(message.get("value") or b"") > self.largest:
            raise kafka.MessageSizeTooLargeError
        if self.failures:
            raise self.failures.pop()
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if not self.hangs:
            self.sent.append({"topic": topic, **message})
            future.set_result(None)
        return future


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    made = Producer()

    async def reason(error: Exception, settings: KafkaSettings) -> str:
        return f"explained {type(error).__name__}"

    monkeypatch.setattr(letters, "make_producer", lambda settings: made)
    monkeypatch.setattr(letters, "reason", reason)
    return made


class Bench:
    def __init__(self) -> None:
        self.store = MemoryCatalogStore()
        self.dead: dict[SourceName, int] = {SOURCE: 0}
        self.letters = Letters(SETTINGS, "documents.dead", self.store.sources, lambda: self.dead)

    async def put(self, *values: bytes | None) -> None:
        await put(self.store, *(replace(SAMPLE, value=value) for value in values))
        self.dead[SOURCE] = self.dead.get(SOURCE, 0) + len(values)

    async def unpublished(self) -> int:
        return len(await self.store.sources.unpublished(SOURCE, 1000))


@in_virtual_time
async def test_a_letter_goes_out_with_its_bytes_and_says_why(producer: Producer) -> None:
    bench = Bench()
    await bench.put(b"\x00\xff", None)
    async with bench.letters.running():
        await eventually(lambda: len(producer.sent) == 2)
        await asyncio.sleep(10)
    first, second = producer.sent
    assert (first["topic"], first["key"], first["value"]) == ("documents.dead", SAMPLE.key, b"\x00\xff")
    assert second["value"] is None
    headers = dict(first["headers"])
    assert headers["trace"] == b"\x00\xff"
    assert headers["ragstone-reason"] == b"DOCUMENT_BROKEN"
    assert headers["ragstone-source"] == SOURCE.encode()
    assert headers["ragstone-offset"] == b"0"
    assert headers["ragstone-dead-letter"] == b"1"
    assert await bench.unpublished() == 0
    assert len(producer.sent) == 2, "each once"


@in_virtual_time
async def test_many_go_out_and_those_of_others_do_not(producer: Producer) -> None:
    bench = Bench()
    await bench.put(*[b"x"] * 70)
    bench.dead = {SourceName("log/documents/1"): 5}
    async with bench.letters.running():
        await asyncio.sleep(100)
        assert producer.sent == []
        bench.dead = {SOURCE: 0}
        await eventually(lambda: len(producer.sent) == 70)
        await bench.put(b"y")
        await eventually(lambda: len(producer.sent) == 71)


@in_virtual_time
async def test_the_catalog_is_asked_only_where_there_may_be_one(producer: Producer) -> None:
    bench, asked = Bench(), []
    unpublished = bench.store.sources.unpublished

    async def counted(source: str, limit: int) -> Any:
        asked.append(source)
        return await unpublished(source, limit)

    bench.store.sources.unpublished = counted  # type: ignore[method-assign]
    async with bench.letters.running():
        await asyncio.sleep(600)
    assert len(asked) < 15


@in_virtual_time
async def test_one_that_is_too_large_goes_without_its_value_and_the_others_whole(producer: Producer) -> None:
    bench = Bench()
    producer.largest = 100
    await bench.put(b"a", b"x" * 101, b"b")
    async with bench.letters.running():
        await eventually(lambda: len(producer.sent) == 3)
        assert bench.letters.failure == ""
    values = sorted(str(each.get("value")) for each in producer.sent)
    assert values == ["None", "b'a'", "b'b'"]
    (cut,) = [dict(each["headers"]) for each in producer.sent if each.get("value") is None]
    assert cut["ragstone-value-left-out"] == b"101"
    (kept,) = [each for each in await bench.store.sources.dead_letters(DeadLetterId(0), 10) if each.letter.offset == 1]
    assert len(kept.letter.value or b"") == 101


@in_virtual_time
async def test_what_failed_is_sent_again_and_what_went_out_is_not(producer: Producer) -> None:
    bench = Bench()
    await bench.put(b"a", b"b", b"c")
    producer.failures = [kafka.TopicAuthorizationFailedError("documents.dead")]
    async with bench.letters.running():
        await eventually(lambda: len(producer.sent) == 2)
        await eventually(lambda: "grant WRITE and DESCRIBE" in bench.letters.failure)
        await eventually(lambda: len(producer.sent) == 3)
        await eventually(lambda: bench.letters.failure == "")
    assert sorted(each["value"] for each in producer.sent) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (kafka.UnknownTopicOrPartitionError(), "documents.dead does not exist"),
        (TimeoutError(), "documents.dead does not exist, or its broker does not answer"),
        (kafka.InvalidTopicError(), "documents.dead is no name of a topic"),
        (kafka.KafkaConnectionError(), "explained KafkaConnectionError"),
        (ConnectionResetError(), "explained ConnectionResetError"),
        (CatalogUnavailable("the catalog is away"), "explained CatalogUnavailable"),
        (ZeroDivisionError("odd"), "ZeroDivisionError: odd"),
    ],
)
@in_virtual_time
async def test_it_goes_on_by_itself_whatever_happened(producer: Producer, error: Exception, told: str) -> None:
    bench = Bench()
    await bench.put(b"a")
    producer.starting = [error]
    async with bench.letters.running():
        await eventually(lambda: told in bench.letters.failure)
        await eventually(lambda: len(producer.sent) == 1)
        await eventually(lambda: bench.letters.failure == "")
    assert producer.stops == producer.starts == 2


@in_virtual_time
async def test_a_broker_that_never_answers_is_given_up_and_tried_anew(producer: Producer) -> None:
    bench = Bench()
    await bench.put(b"a")
    producer.hangs = True
    async with bench.letters.running():
        await eventually(lambda: "does not answer" in bench.letters.failure)
        producer.hangs = False
        await eventually(lambda: len(producer.sent) == 1)
    assert await bench.unpublished() == 0
