"""`kill -9` at every named instant and at random ones: what was acknowledged is there, once, in its version."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from ragstone import Client, NewDocument, Outcome, RagstoneError, Unavailable
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.served import Served

SEED = int(os.environ.get("RAGSTONE_FAULT_SEED", "0"))
QUICK = {
    # Seal and commit often, so that every instant is reached in a short test.
    "RAGSTONE__INDEXING__REFRESH_SECONDS": "0.02",
    # Of more than four rows the merging is left to the background.
    "RAGSTONE__VECTOR_INDEX__SEAL_ROWS": "1",
    "RAGSTONE__VECTOR_INDEX__BACKGROUND_SHARE": "1",
    "RAGSTONE__VECTOR_INDEX__SEAL_AFTER_S": "0.05",
    "RAGSTONE__LEXICAL_INDEX__SAVE_AFTER_S": "0.05",
}


# Those of Kafka are in test_servers.py, with a broker; those of snapshots in test_snapshots.py.
QUARANTINE = [FailPoint.VIEW_BEFORE_QUARANTINE, FailPoint.VIEW_AFTER_QUARANTINE]
WRITING = [
    point
    for point in FailPoint
    if point not in (FailPoint.COLLECTION_BEFORE_FILES, *QUARANTINE)
    and not point.startswith(("kafka-", "snapshot-", "restore-"))
]


class Producer:
    """Writes documents until the server is gone, and remembers what was acknowledged."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.acknowledged: dict[str, int] = {}

    def run(self, client: Client, most: int) -> None:
        """Store up to `most` documents, in a stream; every third one twice, in two versions."""

        def documents() -> list[NewDocument]:
            made = []
            for i in range(most):
                name = f"{self.prefix}{i // 3 if i % 3 == 2 else i}"
                made.append(NewDocument(document=name, text=f"The {_word(name)} number {i} rings.", version=i + 1))
            return made

        try:
            for acknowledgement in client.ingest(documents()):
                if acknowledgement.outcome is not Outcome.FAILED:
                    known = self.acknowledged.get(acknowledgement.document, 0)
                    self.acknowledged[acknowledgement.document] = max(known, acknowledgement.version)
        except RagstoneError as error:
            assert isinstance(error, Unavailable) or error.reason == "", error

    def check(self, client: Client) -> None:
        """Everything acknowledged is found by its word, once, in at least its version."""
        stored = {document.document: document.version for document in client.list_documents()}
        for name, version in self.acknowledged.items():
            assert stored.get(name, 0) >= version, (name, version, stored.get(name))
        found: dict[str, int] = {}
        for passage in client.retrieve("rings number", top_k=1000, min_watermark="session"):
            found[passage.document] = found.get(passage.document, 0) + 1
        assert {name: found.get(name) for name in self.acknowledged} == dict.fromkeys(self.acknowledged, 1)
        assert set(found) == set(stored)


def _word(name: str) -> str:
    return f"bell{name}"


def _settled(client: Client) -> None:
    """Write once more, so that a session's watermark covers all that came before."""
    client.upsert_document("last", text="The last number rings.")


@pytest.mark.parametrize("point", WRITING)
@pytest.mark.parametrize(
    "passing", [pytest.param(1, marks=pytest.mark.faults), 2, pytest.param(3, marks=pytest.mark.faults)]
)
def test_p1_p2_a_kill_at_a_named_instant_loses_nothing(tmp_path: Path, point: FailPoint, passing: int) -> None:
    producer = Producer("d")
    armed = {VARIABLE: f"{point}=kill@{passing}"}
    with Served(tmp_path / "data", **QUICK).armed(armed) as served:
        with served.client() as client:
            producer.run(client, 30)
            deadline, more = time.monotonic() + 30, 0
            while time.monotonic() < deadline and served.alive():
                more += 1
                try:
                    client.upsert_document(f"more{more}", text=f"More at {more} rings number.", timeout=5)
                except RagstoneError:
                    break
                time.sleep(0.05)
        assert served.wait() == -signal.SIGKILL, f"{point} was never reached"
        served.start()
        with served.client() as client:
            _settled(client)
            producer.check(client)


def test_p9_files_of_a_deleted_collection_go_at_the_next_start_where_a_kill_left_them(tmp_path: Path) -> None:
    armed = {VARIABLE: f"{FailPoint.COLLECTION_BEFORE_FILES}=kill"}
    with Served(tmp_path / "data", **QUICK).armed(armed) as served:
        with served.client() as client:
            client.upsert_document("kept", text="The kept bell rings.")
            client.admin.create_collection("gone")
            client.upsert_document("secret", text="The secret bell rings.", collection="gone")
            for collection in ("default", "gone"):
                client.retrieve("bell", collection=collection, min_watermark="session")
            views = tmp_path / "data" / "views"
            assert len(list(views.iterdir())) == 2
            with pytest.raises(RagstoneError):
                client.admin.delete_collection("gone", force=True)
        assert served.wait() == -signal.SIGKILL
        assert len(list(views.iterdir())) == 2
        served.start()
        with served.client() as client:
            _settled(client)
            found = {p.document for p in client.retrieve("bell", min_watermark="session")}
            assert found == {"kept", "last"}
            assert [name.name.rpartition("/")[2] for name in client.admin.collections()] == ["default"]
        assert len(list(views.iterdir())) == 1


@pytest.mark.parametrize("pattern", ["vectors/*.segment", "words/index/*.term"])
@pytest.mark.parametrize("point", QUARANTINE)
def test_p1_a_kill_while_a_damaged_file_is_put_aside_loses_nothing(
    tmp_path: Path, point: FailPoint, pattern: str
) -> None:
    producer = Producer("d")
    with Served(tmp_path / "data", **QUICK) as served:
        with served.client() as client:
            producer.run(client, 30)
            _settled(client)
            producer.check(client)
        assert served.terminate() == 0
        for path in (tmp_path / "data" / "views").glob(f"*/{pattern}"):
            path.write_bytes(path.read_bytes()[:-1] + b"x")
        served.start(**{VARIABLE: f"{point}=kill"})
        with served.client() as client, pytest.raises(RagstoneError):
            client.retrieve("rings number", timeout=20)
        assert served.wait() == -signal.SIGKILL
        served.start()
        with served.client() as client:
            deadline = time.monotonic() + 30
            while any(view.failure for view in client.admin.status().views) or not client.admin.status().views:
                client.retrieve("rings number")
                assert time.monotonic() < deadline
            producer.check(client)


def _kill_at_random_instants(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    producers = []
    with Served(folder / "data", **QUICK) as served:
        for kill in range(kills):
            producer = Producer(f"k{kill}-")
            producers.append(producer)
            with served.client() as client:
                writer = threading.Thread(target=producer.run, args=(client, 60))
                writer.start()
                with served.client() as other:
                    other.admin.snapshots.create(f"s{kill}")
                time.sleep(chance.uniform(0.05, 0.7))
                served.kill()
                writer.join(60)
            served.start()
        with served.client() as client:
            _settled(client)
            everything = Producer("all")
            for producer in producers:
                everything.acknowledged |= producer.acknowledged
            assert everything.acknowledged, f"seed {seed}: nothing was acknowledged"
            stored = {document.document: document.version for document in client.list_documents()}
            lost = {n: v for n, v in everything.acknowledged.items() if stored.get(n, 0) < v}
            assert not lost, f"seed {seed}"
            sample = chance.sample(sorted(everything.acknowledged), min(60, len(everything.acknowledged)))
            for name in sample:
                hits = client.retrieve(f"{_word(name)} rings", top_k=50, min_watermark="session")
                assert [p.document for p in hits].count(name) == 1, f"seed {seed}: {name}"
            ended = [client.operations.wait(each) for each in client.operations.list()]
            assert {each.error for each in ended} == {None}, f"seed {seed}"
            made = list(client.admin.snapshots.list(verify=True))
            assert len(made) == len(ended)
            assert {each.problem for each in made} == {""}, f"seed {seed}"
            assert not list((folder / "data" / "snapshots").glob(".*")), f"seed {seed}"


def test_p1_p2_ten_kills_at_random_instants_lose_nothing(tmp_path: Path) -> None:
    _kill_at_random_instants(tmp_path, 10, SEED)


@pytest.mark.faults
@pytest.mark.parametrize("round_", range(10))
def test_p1_p2_two_hundred_kills_at_random_instants_lose_nothing(tmp_path: Path, round_: int) -> None:
    _kill_at_random_instants(tmp_path, 20, SEED * 1000 + round_)
