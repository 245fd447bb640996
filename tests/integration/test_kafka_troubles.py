"""What an operator meets with a real Kafka: missing rights, an event that kills, processes that share a topic."""

import contextlib
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ragstone import Client
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.integration.test_kafka import JSON, Sent, produce, settings, until, upsert, versions
from tests.served import Served
from tests.services import topics
from tests.services.fixtures import Broker, MakeTopic
from tests.services.kafka import Kafka
from tests.services.topics import Operation


def detail(client: Client) -> str:
    return client.admin.status().sources[0].detail


def test_missing_rights_are_told_one_by_one_and_it_goes_on_when_they_are_granted(
    new_kafka: Callable[..., Kafka], tmp_path: Path
) -> None:
    broker = new_kafka(acl=True)
    user, password = broker.plain_user
    for name in ("documents", "dead"):
        topics.create(broker.bootstrap, name, 1, {})
    login = {"sasl_mechanism": "PLAIN", "username": user, "password": password, "dead_letter_topic": "dead"}
    produce(broker.bootstrap, "documents", (b"default/a", upsert("a", 1, "At last."), JSON), (b"x", b"no event", JSON))
    more = settings(broker.sasl_bootstrap, "documents", **login)
    with Served(tmp_path / "data", **more) as server, server.client() as client:
        until(lambda: "grant DESCRIBE and READ" in detail(client))
        topics.allow(broker.bootstrap, user, Operation.DESCRIBE, topic="documents")
        until(lambda: "do not let us use the group" in detail(client))
        topics.allow(broker.bootstrap, user, Operation.READ, group="group-of-documents")
        until(lambda: "grant READ" in detail(client) and "topic" in detail(client))
        topics.allow(broker.bootstrap, user, Operation.READ, topic="documents")
        until(lambda: versions(client) == {"a": 1})
        until(lambda: "dead letters cannot be published" in detail(client))
        topics.allow(broker.bootstrap, user, Operation.WRITE, topic="dead")
        until(lambda: detail(client) == "")


def test_an_event_that_kills_its_process_is_set_aside_and_the_others_are_stored(
    kafka: Broker, topic: MakeTopic, tmp_path: Path
) -> None:
    documents = topic(2)
    records: list[Sent] = [(b"%d" % i, upsert(f"d{i}", 1, f"The train number {i}."), JSON) for i in range(60)]
    records.insert(30, (b"30", upsert("killer", 1, "The train that never comes."), JSON))
    produce(kafka.bootstrap, documents, *records)
    armed = {VARIABLE: f"{FailPoint.INGEST_BEFORE_WORK}=kill~killer"}
    server = Served(
        tmp_path / "data", **settings(kafka.bootstrap, documents, poison_tries="2", session_seconds="6"), **armed
    )
    deaths = 0
    with ExitStack() as stack:
        stack.enter_context(server)
        while True:
            # A death is one of the client's calls that fails, too.
            with contextlib.suppress(Exception), server.client() as client:
                until(lambda: not server.alive() or client.admin.status().dead_letter_count)
            if server.alive():
                break
            assert server.wait() == -signal.SIGKILL
            deaths += 1
            assert deaths < 6, "one event must not keep all others from being stored"
            server.start()
        with server.client() as client:
            until(lambda: len(versions(client)) == 60)
            (letter,) = client.admin.dead_letters.list()
            assert letter.reason == "POISON"
            assert client.admin.dead_letters.get(letter.id).key == b"30"
    assert deaths == 3, "once unsuspected, and twice when it was tried alone"


def test_processes_share_a_topic_and_take_over_from_one_that_freezes(
    kafka: Broker, topic: MakeTopic, catalog_url: str, tmp_path: Path
) -> None:
    documents = topic(4)

    def write(prefix: str, version: int) -> dict[str, int]:
        produce(kafka.bootstrap, documents, *(_event(f"{prefix}{i}", version) for i in range(40)))
        return {f"{prefix}{i}": version for i in range(40)}

    shared = {
        **settings(kafka.bootstrap, documents, session_seconds="6"),
        "RAGSTONE__CATALOG__USE": "postgresql",
        "RAGSTONE__CATALOG__URL": catalog_url,
    }
    with Served(tmp_path / "a", **shared) as a, Served(tmp_path / "b", **shared) as b, b.client() as client:
        expected = write("first", 1)
        until(lambda: versions(client) == expected)
        with a.client() as other:
            until(lambda: sorted(_held(other) + _held(client)) == [f"{i:05d}" for i in range(4)])
            assert len(_held(other)) == len(_held(client)) == 2
        subprocess.run(["kill", "-STOP", str(a.pid)], check=True)
        expected |= write("second", 1)
        until(lambda: versions(client) == expected)
        expected |= write("second", 2)
        until(lambda: versions(client) == expected)
        subprocess.run(["kill", "-CONT", str(a.pid)], check=True)
        expected |= write("second", 3)
        until(lambda: versions(client) == expected)
        with a.client() as other:
            until(lambda: len(_held(other)) == len(_held(client)) == 2)
        assert a.terminate() == 0
        expected |= write("third", 1)
        until(lambda: versions(client) == expected)
        until(lambda: len(_held(client)) == 4)
        assert client.admin.status().dead_letter_count == 0


def _event(document: str, version: int) -> Sent:
    return f"default/{document}".encode(), upsert(document, version, f"The tram {document} in version {version}."), JSON


def _held(client: Client) -> list[str]:
    return [source.name.rpartition("/")[2] for source in client.admin.status().sources if source.position is not None]
