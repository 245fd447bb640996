"""`kill -9` and a full disk while a snapshot is made or restored: the catalog is the former or the new one, whole."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ragstone import Client, OperationState, RagstoneError, ResourceExhausted
from ragstone.v1 import snapshot_pb2
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.faults.cluster.disk import disk
from tests.faults.test_kills import QUICK, Producer
from tests.served import Served

CREATING = [point for point in FailPoint if point.startswith("snapshot-")]
RESTORING = [point for point in FailPoint if point.startswith("restore-")]
LONG = (FailPoint.RESTORE_DURING_COPY, FailPoint.RESTORE_BEFORE_MARK, FailPoint.RESTORE_AFTER_UNMARK)
KILLS = [
    *(pytest.param(point, None, marks=pytest.mark.faults if point in LONG else ()) for point in RESTORING),
    # And once more while the next start finishes what was begun.
    (FailPoint.RESTORE_BEFORE_SWAP, FailPoint.RESTORE_AFTER_SWAP),
    pytest.param(FailPoint.RESTORE_AFTER_MARK, FailPoint.RESTORE_BEFORE_SWAP, marks=pytest.mark.faults),
    pytest.param(FailPoint.RESTORE_BEFORE_SWAP, FailPoint.RESTORE_AFTER_UNMARK, marks=pytest.mark.faults),
]
IN_SNAPSHOT = {f"kept{n}" for n in range(8)}


def _documents(client: Client) -> set[str]:
    return {each.document for each in client.list_documents()}


def _ended(client: Client, kind: str) -> OperationState:
    """How the latest operation of the kind has ended."""
    latest = next(iter(client.operations.list(f'kind = "{kind}"')))
    return client.operations.wait(latest, timeout=60).state


def _begun(client: Client) -> None:
    for name in sorted(IN_SNAPSHOT):
        client.upsert_document(name, text=f"The bell {name} rings.")


def _left_over(data: Path) -> set[str]:
    """What should not be there."""
    files = {path.name for path in (data / "catalog").iterdir()} - {"catalog.sqlite3"}
    files = {name for name in files if not name.endswith(("-wal", "-shm")) and ".before-restore-" not in name}
    hidden = {path.name for path in (data / "snapshots").glob(".*")} if (data / "snapshots").exists() else set()
    return files | hidden


@pytest.mark.parametrize("point", CREATING)
def test_p1_a_kill_while_a_snapshot_is_made_loses_nothing(tmp_path: Path, point: FailPoint) -> None:
    producer = Producer("d")
    with Served(tmp_path / "data", **QUICK).armed({VARIABLE: f"{point}=kill"}) as served:
        with served.client() as client, served.client() as other:
            _begun(client)
            writing = threading.Thread(target=producer.run, args=(client, 3000))
            writing.start()
            while not producer.acknowledged:
                time.sleep(0.01)
            with pytest.raises(RagstoneError):
                other.operations.wait(other.admin.snapshots.create("monday"), timeout=60)
            writing.join()
        assert served.wait() == -signal.SIGKILL
        served.start()
        with served.client() as client:
            assert _ended(client, "create-snapshot") is OperationState.SUCCEEDED
            (made,) = client.admin.snapshots.list(verify=True)
            assert (made.name, made.state, made.verified) == (
                "snapshots/monday",
                snapshot_pb2.SNAPSHOT_STATE_COMPLETE,
                True,
            )
            assert made.document_count >= len(IN_SNAPSHOT)
            stored = _documents(client)
            assert stored >= IN_SNAPSHOT
            assert stored >= set(producer.acknowledged)
        assert not _left_over(tmp_path / "data")


@pytest.mark.parametrize(("point", "again"), KILLS)
def test_a_kill_while_a_snapshot_is_restored_leaves_a_whole_catalog(
    tmp_path: Path, point: FailPoint, again: FailPoint | None
) -> None:
    with Served(tmp_path / "data", **QUICK) as served:
        with served.client() as client:
            _begun(client)
            client.operations.wait(client.admin.snapshots.create("monday"))
            client.upsert_document("since", text="The bell since rings.")
            client.delete_document("kept0")
        assert served.terminate() == 0
        served.start(**{VARIABLE: f"{point}=kill"})
        with served.client() as client, pytest.raises(RagstoneError):
            begun = client.admin.snapshots.restore("monday", force=True)
            client.operations.wait(begun, timeout=60)
        assert served.wait() == -signal.SIGKILL
        if again is not None:
            with pytest.raises(AssertionError):
                served.start(**{VARIABLE: f"{again}=kill"})
            assert served.wait() == -signal.SIGKILL
        served.start()
        with served.client() as client:
            assert _ended(client, "restore-snapshot") is OperationState.SUCCEEDED
            assert _documents(client) == IN_SNAPSHOT
            client.upsert_document("last", text="The last bell rings.")
            found = {passage.document for passage in client.retrieve("bell rings", top_k=50, min_watermark="session")}
            assert found == IN_SNAPSHOT | {"last"}
            verified = client.operations.wait(client.admin.verify())
            assert verified.state is OperationState.SUCCEEDED
        assert not _left_over(tmp_path / "data")
        assert len(list((tmp_path / "data" / "catalog").glob("*.before-restore-*"))) == 1


def test_without_space_nothing_is_made_and_nothing_is_left(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with disk(place) as full:
        settings = {
            "RAGSTONE__SNAPSHOTS__DIRECTORY": str(full.folder / "snapshots"),
            "RAGSTONE__SNAPSHOTS__MIN_FREE_BYTES": "1000000",
        }
        with Served(tmp_path / "data", **settings) as served, served.client() as client:
            for number in range(30):
                client.upsert_document(f"d{number}", text=f"Bell {number}. " + os.urandom(30_000).hex())
            made = client.operations.wait(client.admin.snapshots.create("before"))
            assert made.state is OperationState.SUCCEEDED
            full.fill()
            with pytest.raises(ResourceExhausted, match="min_free_bytes") as refused:
                client.admin.snapshots.create("monday")
            assert refused.value.reason == "SNAPSHOT_NO_SPACE"
            assert int(refused.value.metadata["needed_bytes"]) > int(refused.value.metadata["free_bytes"])
            assert [path.name for path in (full.folder / "snapshots").iterdir()] == ["before"]
            client.upsert_document("after", text="Writes go on.")
            full.empty()
            made = client.operations.wait(client.admin.snapshots.create("monday"))
            assert made.state is OperationState.SUCCEEDED
            assert [each.name for each in client.admin.snapshots.list()] == ["snapshots/before", "snapshots/monday"]
