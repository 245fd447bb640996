"""Documents from a real Kafka, through a real server."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from ragstone import Client, events
from tests.served import RAGSTONE, Served
from tests.services import topics
from tests.services.fixtures import Broker, MakeTopic
from tests.services.kafka import Kafka

Sent = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]
JSON = (("content-type", b"application/json"), ("traceparent", b"00-abc-def-01"))


def produce(bootstrap: str, topic: str, *records: Sent, compression: str | None = None) -> None:
    """Send records (key, value, headers), and wait until the broker has them."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=compression)
        await producer.start()
        try:
            for key, value, headers in records:
                await producer.send_and_wait(topic, value, key=key, headers=list(headers))
        finally:
            await producer.stop()

    asyncio.run(send())


def consumed(bootstrap: str, topic: str, count: int) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    """The first records of a topic."""

    async def read() -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            async with asyncio.timeout(30):
                found = [await consumer.getone() for _ in range(count)]
        finally:
            await consumer.stop()
        return [(each.key, each.value, dict(each.headers)) for each in found]

    return asyncio.run(read())


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that comes about by itself."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def settings(broker: str, topic: str, **more: str) -> dict[str, str]:
    return {
        "RAGSTONE__KAFKA__BOOTSTRAP_SERVERS": broker,
        "RAGSTONE__KAFKA__TOPICS": json.dumps([topic]),
        "RAGSTONE__KAFKA__GROUP": f"group-of-{topic}",
        **{f"RAGSTONE__KAFKA__{key.upper()}": value for key, value in more.items()},
    }


def versions(client: Client) -> dict[str, int]:
    return {document.document: document.version for document in client.list_documents()}


def upsert(document: str, version: int, text: str) -> bytes:
    fields = {"title": "A title", "text": text, "mimeType": "text/plain", "metadata": {"k": "v"}}
    event = {"collection": "default", "document": document, "version": str(version), "upsert": fields}
    return json.dumps(event).encode()


def test_events_become_documents_and_what_cannot_becomes_a_dead_letter(
    kafka: Broker, topic: MakeTopic, tmp_path: Path
) -> None:
    documents, dead = topic(3), topic(1)
    protobuf = events.encode(events.upsert("default", "doc-2", text="The museum opens at ten.", version=3))
    first: list[Sent] = [
        (b"default/doc-1", upsert("doc-1", 7, "The ferry leaves at nine."), JSON),
        (protobuf.key, protobuf.value, protobuf.headers),
        (b"default/doc-3", upsert("doc-3", 1, "Gone soon."), JSON),
        (b"default/doc-3", None, ()),
        (b"x", b"\x00not an event", (*JSON, ("empty", None))),
        (b"default/doc-1", upsert("doc-1", 6, "An older version."), JSON),
    ]
    produce(kafka.bootstrap, documents, *first)
    with Served(tmp_path / "data", **settings(kafka.bootstrap, documents, dead_letter_topic=dead)) as server:
        with server.client() as client:
            until(lambda: versions(client) == {"doc-1": 7, "doc-2": 3} and client.admin.status().dead_letter_count)
            (letter,) = client.admin.dead_letters.list()
            assert letter.reason == "INVALID_EVENT"
            status = client.admin.status()
            assert {source.lag for source in status.sources} == {0}
        key, value, headers = consumed(kafka.bootstrap, dead, 1)[0]
        assert (key, value) == (b"x", b"\x00not an event")
        assert headers["traceparent"] == b"00-abc-def-01"
        assert headers["ragstone-reason"] == b"INVALID_EVENT"
        server.kill()
        for number, codec in enumerate(("gzip", "snappy", "lz4", "zstd")):
            record = (f"default/c{number}".encode(), upsert(f"c{number}", 1, f"Packed by {codec}."), JSON)
            produce(kafka.bootstrap, documents, record, compression=codec)
        server.start()
        with server.client() as client:
            expected = {"doc-1": 7, "doc-2": 3, "c0": 1, "c1": 1, "c2": 1, "c3": 1}
            until(lambda: versions(client) == expected)
            assert client.admin.status().dead_letter_count == 1, "nothing has its effect twice"
        assert server.terminate() == 0


def test_a_missing_topic_is_told_and_read_when_it_is_there(kafka: Broker, tmp_path: Path) -> None:
    name = "ragstone-test-made-later"
    with Served(tmp_path / "data", **settings(kafka.bootstrap, name)) as server, server.client() as client:
        until(lambda: "do not exist" in client.admin.status().sources[0].detail)
        topics.create(kafka.bootstrap, name, 1, {})
        try:
            produce(kafka.bootstrap, name, (b"default/a", upsert("a", 1, "There it is."), JSON))
            until(lambda: versions(client) == {"a": 1})
        finally:
            topics.delete(kafka.bootstrap, name)


def test_logins_over_tls(new_kafka: Callable[..., Kafka], tmp_path: Path) -> None:
    broker = new_kafka(tls=True)
    topics.create(broker.bootstrap, "documents", 1, {})
    produce(broker.bootstrap, "documents", (b"default/a", upsert("a", 1, "In secret."), JSON))
    user, password = broker.scram_user
    login = {"tls": "true", "ca_file": str(broker.ca), "sasl_mechanism": "SCRAM-SHA-256", "username": user}
    wrong = settings(broker.sasl_tls_bootstrap, "documents", **login, password="wrong")
    with Served(tmp_path / "wrong", **wrong) as server, server.client() as client:
        until(lambda: "login" in client.admin.status().sources[0].detail)
    right = settings(broker.sasl_tls_bootstrap, "documents", **login, password=password)
    with Served(tmp_path / "right", **right) as server, server.client() as client:
        until(lambda: versions(client) == {"a": 1})


def test_a_bound_topic_and_a_reference(kafka: Broker, topic: MakeTopic, tmp_path: Path) -> None:
    documents, files = topic(1), tmp_path / "files"
    files.mkdir()
    (files / "a.txt").write_text("What the file says.")
    more = {"references": json.dumps([str(files)]), f"collections__{documents}": "default"}
    inside = json.dumps({"document": "a", "upsert": {"reference": f"{files.as_uri()}/a.txt"}}).encode()
    outside = json.dumps({"document": "b", "upsert": {"reference": f"{tmp_path.as_uri()}/ragstone.toml"}}).encode()
    produce(kafka.bootstrap, documents, (b"a", inside, JSON), (b"b", outside, JSON))
    with Served(tmp_path / "data", **settings(kafka.bootstrap, documents, **more)) as server, server.client() as client:
        until(lambda: client.admin.status().dead_letter_count == 1)
        assert set(versions(client)) == {"a"}
        (letter,) = client.admin.dead_letters.list()
        assert "kafka.references" in letter.message


@pytest.mark.parametrize("setting", ["group", "topics"])
def test_what_is_set_wrong_is_told_before_anything_opens(setting: str, tmp_path: Path) -> None:
    empty = {"group": '""', "topics": "[]"}[setting]
    environment = {**os.environ, **settings("127.0.0.1:1", "documents", **{setting: empty})}
    done = subprocess.run(
        [RAGSTONE, "check"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"kafka.{setting}" in done.stderr
