"""`kill -9` at random instants while documents are written and operators are at work: nothing is lost, nothing is there twice."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ragstone import Client, RagstoneError
from tests.faults.test_generations import SHORT
from tests.faults.test_kills import QUICK, SEED, Producer
from tests.served import Served


def _reindex(client: Client, chance: random.Random) -> None:
    client.admin.generations.reindex(
        chunker="structure", chunker_config={**SHORT, "target_tokens": chance.choice((40, 60, 80))}
    )


def _numbers(client: Client) -> list[int]:
    """Of the generations that there are; none before the first document."""
    return [int(each.name.rpartition("/")[2]) for each in client.admin.generations.list()]


def _activate(client: Client, chance: random.Random) -> None:
    for number in _numbers(client)[-1:]:
        client.admin.generations.activate(number)


def _roll_back(client: Client, chance: random.Random) -> None:
    client.admin.generations.roll_back()


def _delete(client: Client, chance: random.Random) -> None:
    for number in _numbers(client)[:1]:
        client.admin.generations.delete(number)


def _snapshot(client: Client, chance: random.Random) -> None:
    client.admin.snapshots.create()


def _purge(client: Client, chance: random.Random) -> None:
    client.purge_documents("*", force=False)


def _verify(client: Client, chance: random.Random) -> None:
    client.admin.verify(repair=True)


ACTS: tuple[Callable[[Client, random.Random], None], ...] = (
    _reindex,
    _reindex,
    _activate,
    _roll_back,
    _delete,
    _snapshot,
    _purge,
    _verify,
)


def _operate(served: Served, seed: int) -> None:
    """One act after the other until the server is gone; what is refused at present is another act's time."""
    chance = random.Random(seed)
    with served.client() as client:
        while served.alive():
            with suppress(RagstoneError):
                chance.choice(ACTS)(client, chance)
            time.sleep(chance.uniform(0, 0.1))


def _kill_at_random_instants(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    everything = Producer("all")
    with Served(folder / "data", **QUICK) as served:
        for kill in range(kills):
            producer = Producer(f"k{kill}-")
            with served.client() as client:
                threads = [
                    threading.Thread(target=producer.run, args=(client, 60)),
                    threading.Thread(target=_operate, args=(served, chance.randrange(2**32))),
                ]
                for thread in threads:
                    thread.start()
                time.sleep(chance.uniform(0.1, 1.0))
                served.kill()
                for thread in threads:
                    thread.join(60)
            everything.acknowledged |= producer.acknowledged
            served.start()
        with served.client() as client:
            for each in client.operations.list("done = false"):
                client.operations.wait(each, timeout=120)
            assert everything.acknowledged, f"seed {seed}: nothing was acknowledged"
            _in_order(client, everything, f"seed {seed}")
            for number in _numbers(client):
                with suppress(RagstoneError):  # what was cancelled is being built still
                    client.admin.generations.activate(number)
                _in_order(client, everything, f"seed {seed}, generation {number}")
            assert all(each.verified for each in client.admin.snapshots.list(verify=True)), f"seed {seed}"


def _in_order(client: Client, producer: Producer, where: str) -> None:
    client.upsert_document("last", text="The last number rings.")
    stored = {document.document: document.version for document in client.list_documents()}
    lost = {name: version for name, version in producer.acknowledged.items() if stored.get(name, 0) < version}
    assert not lost, where
    sample = random.Random(len(stored)).sample(sorted(producer.acknowledged), min(20, len(producer.acknowledged)))
    for name in sample:
        hits = client.retrieve(f"bell{name} rings", top_k=50, min_watermark="session")
        assert [hit.document for hit in hits].count(name) == 1, f"{where}: {name}"
    verified = client.operations.wait(client.admin.verify(), timeout=120).result()
    assert list(verified.findings) == [], where  # type: ignore[union-attr]


def test_p1_p2_four_kills_while_operators_are_at_work_lose_nothing(tmp_path: Path) -> None:
    _kill_at_random_instants(tmp_path, 4, SEED)


@pytest.mark.faults
@pytest.mark.parametrize("round_", range(10))
def test_p1_p2_two_hundred_kills_while_operators_are_at_work_lose_nothing(tmp_path: Path, round_: int) -> None:
    _kill_at_random_instants(tmp_path, 20, SEED * 1000 + round_)
