"""`kill -9` while a generation is built and while another becomes live: each document is in all of them, once."""

import signal
import threading
import time
from pathlib import Path

import pytest

from ragstone import Client, OperationState, RagstoneError
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.faults.test_kills import QUICK, Producer
from tests.served import Served

SHORT = {"target_tokens": 40, "min_tokens": 10, "overlap_tokens": 8}
BUILDING = [
    FailPoint.GENERATION_AFTER_BEGIN,
    FailPoint.GENERATION_BEFORE_CUTS,
    FailPoint.GENERATION_BEFORE_READY,
]
SWITCHING = [FailPoint.GENERATION_BEFORE_SWITCH, FailPoint.GENERATION_AFTER_SWITCH]
BEFORE = {f"kept{n}" for n in range(20)}


def _fill(client: Client) -> None:
    for name in sorted(BEFORE):
        client.upsert_document(name, text=f"The bell{name} number {name} rings.")


def _states(client: Client) -> list[int]:
    return [each.state for each in client.admin.generations.list()]


def _in_order(client: Client, producer: Producer) -> None:
    """In the live generation, whichever it is."""
    client.upsert_document("last", text="The last number rings.")
    producer.check(client)
    assert {each.document for each in client.list_documents()} >= BEFORE
    verified = client.operations.wait(client.admin.verify(), timeout=60).result()
    assert list(verified.findings) == []  # type: ignore[union-attr]


@pytest.mark.parametrize("point", BUILDING)
def test_p1_p2_a_kill_while_a_generation_is_built_loses_nothing(tmp_path: Path, point: FailPoint) -> None:
    producer = Producer("d")
    with Served(tmp_path / "data", **QUICK).armed({VARIABLE: f"{point}=kill"}) as served:
        with served.client() as client, served.client() as other:
            _fill(client)
            writing = threading.Thread(target=producer.run, args=(client, 2000))
            writing.start()
            while not producer.acknowledged:
                time.sleep(0.01)
            with pytest.raises(RagstoneError):
                begun = other.admin.generations.reindex(chunker="structure", chunker_config=SHORT)
                other.operations.wait(begun, timeout=60)
            writing.join()
        assert served.wait() == -signal.SIGKILL
        served.start()
        with served.client() as client:
            latest = next(iter(client.operations.list('kind = "reindex"')))
            assert client.operations.wait(latest, timeout=60).state is OperationState.SUCCEEDED
            assert len(_states(client)) == 2
            _in_order(client, producer)
            client.admin.generations.activate(2)
            _in_order(client, producer)


@pytest.mark.parametrize("point", SWITCHING)
def test_p1_a_kill_while_another_generation_becomes_live_leaves_one_of_them_live(
    tmp_path: Path, point: FailPoint
) -> None:
    producer = Producer("d")
    with Served(tmp_path / "data", **QUICK).armed({VARIABLE: f"{point}=kill"}) as served:
        with served.client() as client:
            _fill(client)
            producer.run(client, 30)
            begun = client.admin.generations.reindex(chunker="structure", chunker_config=SHORT)
            assert client.operations.wait(begun, timeout=60).state is OperationState.SUCCEEDED
            with pytest.raises(RagstoneError):
                client.admin.generations.activate(2)
        assert served.wait() == -signal.SIGKILL
        served.start()
        with served.client() as client:
            live = [int(each.name.rpartition("/")[2]) for each in client.admin.generations.list() if each.state == 3]
            assert live == [1 if point is FailPoint.GENERATION_BEFORE_SWITCH else 2]
            _in_order(client, producer)
            client.admin.generations.activate(2)
            _in_order(client, producer)
