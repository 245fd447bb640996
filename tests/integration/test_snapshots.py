"""Snapshots of a served server from the terminal: while documents are written, restored, damaged, older, of PostgreSQL."""

import json
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from click.testing import CliRunner, Result
from sqlalchemy import create_engine

from ragstone import Client, FailedPrecondition, InvalidArgument, OperationState, RagstoneError, Unavailable
from ragstone.v1 import snapshot_pb2
from ragstone_server.catalog.snapshot_folder import SnapshotFolder
from ragstone_server.catalog.snapshot_manifest import CATALOG, SnapshotManifest, sha256_of
from ragstone_server.cli.main import main
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from ragstone_server.spi.snapshots import CatalogFacts
from ragstone_server.testing.conformance.catalog_samples import NOW
from tests.served import RAGSTONE, Served


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path / "data") as served:
        with served.client() as client:
            for number in range(12):
                client.upsert_document(f"d{number}", text=f"Boat number {number} leaves at {number}.")
        yield served


def terminal(server: Served, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--server", server.address])


def said(server: Served, *words: str) -> tuple[int, dict[str, Any]]:
    done = terminal(server, *words, "--json")
    return done.exit_code, json.loads(done.stdout)


def documents(client: Client) -> set[str]:
    return {each.document for each in client.list_documents()}


def head_of(client: Client) -> str:
    return client.admin.get_collection("default").watermark


def answered_in_the_open(client: Client, question: str) -> set[str]:
    """What is found as soon as no answer says any more that its views are built anew."""
    while (hits := client.retrieve(question, top_k=100)).degraded:
        pass
    return {passage.document for passage in hits}


def test_a_snapshot_made_under_writes_is_restored_and_asked(own: Served, tmp_path: Path) -> None:
    stop, written = threading.Event(), 0

    def write() -> None:
        nonlocal written
        with own.client() as client:
            while not stop.is_set():
                client.upsert_document(f"w{written}", text=f"Written for the {written}. time.")
                written += 1

    writing = threading.Thread(target=write)
    writing.start()
    try:
        done = terminal(own, "admin", "snapshots", "create", "monday", "--description", "before the change")
    finally:
        stop.set()
        writing.join()
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("snapshots/monday: ")
    status, listed = said(own, "admin", "snapshots", "list", "--verify")
    (snapshot,) = listed["snapshots"]
    assert (status, snapshot["state"], snapshot["verified"]) == (0, "SNAPSHOT_STATE_COMPLETE", True)
    assert (snapshot["description"], snapshot["collectionCount"]) == ("before the change", "1")
    held = int(snapshot["documentCount"])
    assert 12 <= held <= 12 + written
    assert "before the change" in terminal(own, "admin", "snapshots", "list").stdout
    sums = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "data" / "snapshots" / "monday", check=False
    )
    assert sums.returncode == 0, "an operator checks a copy on another machine so"

    with own.client() as client:
        client.delete_document("d3")
        client.upsert_document("d4", text="Boat number 4 is late.")
        client.upsert_document("new", text="A new boat leaves.")
        before = documents(client)
        token = client.retrieve("boat").watermark
        lost = 12 + written - held + 2
        status, dry = said(own, "admin", "snapshots", "restore", "monday")
        response = dry["response"]
        assert (status, response["documentsLost"], response["documentsReturning"]) == (0, str(lost), "1")
        assert documents(client) == before
        assert "--force puts it" in terminal(own, "admin", "snapshots", "restore", "monday").stdout

        done = terminal(own, "admin", "snapshots", "restore", "monday", "--force", "--yes")
        assert done.exit_code == 0, done.stderr
        assert "the former one is kept as catalog.sqlite3.before-restore-" in done.stdout
        assert len(documents(client)) == held
        assert answered_in_the_open(client, "boat number leaves") >= {f"d{number}" for number in range(12)}
        assert client.get_document("d4").version == 1
        with pytest.raises(InvalidArgument, match="before it was restored"):
            client.retrieve("boat", min_watermark=token)
        client.upsert_document("last", text="The last boat leaves.")
        found = client.retrieve("boat leaves", top_k=50, min_watermark=head_of(client))
        assert {"d3", "d4"} <= {passage.document for passage in found}
        (restored, *_) = client.operations.list('kind = "restore-snapshot"')
        assert restored.state is OperationState.SUCCEEDED
    kept = json.loads(terminal(own, "admin", "operations", "get", str(restored.id), "--json").stdout)
    former = tmp_path / "data" / "catalog" / kept["response"]["formerCatalog"]
    with closing(sqlite3.connect(former)) as catalog:
        assert {row[0] for row in catalog.execute("SELECT id FROM document")} == before
    assert terminal(own, "admin", "snapshots", "delete", "monday", "--yes").stdout == "deleted snapshots/monday\n"
    assert terminal(own, "admin", "snapshots", "list").stdout == "no snapshots\n"


def test_the_terminal_asks_first_and_says_what_is_wrong(own: Served) -> None:
    begun = terminal(own, "admin", "snapshots", "create", "monday", "--no-wait").stdout.strip()
    assert terminal(own, "admin", "operations", "wait", begun).exit_code == 0
    taken = terminal(own, "admin", "snapshots", "create", "monday")
    assert (taken.exit_code, "SNAPSHOT_ALREADY_EXISTS" in taken.stderr) == (1, True)
    assert terminal(own, "admin", "snapshots", "create", "../monday").exit_code == 1
    for words in (("restore", "monday", "--force"), ("delete", "monday")):
        assert terminal(own, "admin", "snapshots", *words).exit_code == 1, "nobody says yes"
        assert terminal(own, "admin", "snapshots", *words, "--json").exit_code == 2
    for words in (("restore", "tuesday"), ("delete", "tuesday", "--yes")):
        missing = terminal(own, "admin", "snapshots", *words)
        assert (missing.exit_code, "SNAPSHOT_NOT_FOUND" in missing.stderr) == (1, True)
    with own.client() as client:
        assert len(documents(client)) == 12


def test_a_damaged_snapshot_is_told_and_refused(own: Served, tmp_path: Path) -> None:
    with own.client() as client:
        client.operations.wait(client.admin.snapshots.create("monday"))
        catalog = tmp_path / "data" / "snapshots" / "monday" / CATALOG
        data = bytearray(catalog.read_bytes())
        data[len(data) // 2] ^= 1
        catalog.write_bytes(data)
        assert terminal(own, "admin", "snapshots", "list").exit_code == 0, "its size is right"
        told = terminal(own, "admin", "snapshots", "list", "--verify")
        assert (told.exit_code, "damaged: catalog.sqlite3" in told.stdout) == (5, True)
        refused = terminal(own, "admin", "snapshots", "restore", "monday", "--force", "--yes")
        assert (refused.exit_code, "SNAPSHOT_DAMAGED" in refused.stderr) == (1, True)
        assert len(documents(client)) == 12
        catalog.unlink()
        with pytest.raises(FailedPrecondition, match="is missing"):
            client.admin.snapshots.restore("monday", force=True)


def test_a_snapshot_of_an_older_schema_is_migrated_and_restored(own: Served, tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite3"
    config = Config()
    config.set_main_option("script_location", str(files("ragstone_plugins.sqlite") / "migrations"))
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql("INSERT INTO meta VALUES ('epoch', 'of-old')")
    engine.dispose()
    folder = SnapshotFolder(tmp_path / "data" / "snapshots", "test")
    making = folder.begin("old")
    shutil.copy(old, making / CATALOG)
    manifest = SnapshotManifest(
        id="",
        name="old",
        description="",
        created=NOW,
        version="0.1.0",
        size_bytes=old.stat().st_size,
        sha256=sha256_of(old, lambda stage, done, total: None),
        facts=CatalogFacts(epoch="of-old", schema="0002", collections=()),
    )
    folder.publish(making, manifest)
    done = terminal(own, "admin", "snapshots", "restore", "old", "--force", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "its schema 0002 was migrated" in done.stdout
    with own.client() as client:
        assert documents(client) == set()
        client.upsert_document("first", text="The first boat leaves.")
        assert [each.document for each in client.retrieve("boat", min_watermark="session")] == ["first"]


def test_a_snapshot_of_another_machine_is_restored(own: Served, tmp_path: Path) -> None:
    with own.client() as client:
        client.operations.wait(client.admin.snapshots.create("monday"))
    with Served(tmp_path / "other") as other, other.client() as client:
        client.admin.create_collection("only-here")
        client.upsert_document("here", text="A boat of this machine.")
        shutil.copytree(tmp_path / "data" / "snapshots" / "monday", tmp_path / "other" / "snapshots" / "copied")
        status, dry = said(other, "admin", "snapshots", "restore", "copied")
        response = dry["response"]
        assert (status, response["documentsLost"], response["documentsReturning"]) == (0, "1", "12")
        assert [each["collection"] for each in response["differences"] if each["missing"]] == [
            "tenants/default/collections/only-here"
        ]
        assert said(other, "admin", "snapshots", "restore", "copied", "--force", "--yes")[0] == 0
        assert answered_in_the_open(client, "boat number leaves") == {f"d{number}" for number in range(12)}
        kinds = [(each.kind, each.state) for each in client.operations.list()]
        assert kinds == [("restore-snapshot", OperationState.SUCCEEDED)] * 2, "those of the other machine stay there"


def test_two_restores_at_once_and_one_snapshot_under_them_all_end(own: Served) -> None:
    with own.client() as client:
        client.operations.wait(client.admin.snapshots.create("monday"))
        begun = [client.admin.snapshots.restore("monday", force=True) for _ in range(2)]
        begun.append(client.admin.snapshots.create("tuesday"))
        ended = []
        for each in begun:
            while True:
                try:
                    ended.append(client.operations.wait(each))
                    break
                except Unavailable as error:
                    assert error.reason in ("CATALOG_UNAVAILABLE", "SHUTTING_DOWN", ""), error
        states = [each.state for each in ended]
        assert states[0] is OperationState.SUCCEEDED
        assert set(states[1:]) <= {OperationState.SUCCEEDED, OperationState.CANCELLED}
        for each in ended:
            if each.state is OperationState.CANCELLED:
                assert each.error is not None
                assert "restored from snapshots/monday" in each.error.message
        assert len(documents(client)) == 12


def test_cancelling_a_snapshot_leaves_nothing(tmp_path: Path) -> None:
    slow = {"RAGSTONE__SNAPSHOTS__BACKGROUND_SHARE": "0.0001"}
    with Served(tmp_path / "data", **slow) as served, served.client() as client:
        for number in range(12):
            client.upsert_document(f"d{number}", text=f"Boat number {number} leaves at {number}.")
        begun = client.admin.snapshots.create("monday")
        client.operations.cancel(begun)
        assert client.operations.wait(begun).state is OperationState.CANCELLED
        assert list(client.admin.snapshots.list()) == []
        assert not list((tmp_path / "data" / "snapshots").glob("*"))
        assert not list((tmp_path / "data" / "snapshots").glob(".*"))


def test_callers_hear_when_to_try_again_while_the_catalog_is_replaced(own: Served) -> None:
    with own.client() as client:
        client.operations.wait(client.admin.snapshots.create("monday"))
    assert own.terminate() == 0
    own.start(**{VARIABLE: f"{FailPoint.RESTORE_BEFORE_SWAP}=sleep"})
    with own.client() as client:
        client.admin.snapshots.restore("monday", force=True)
        while True:
            try:
                client.upsert_document("while", text="Written meanwhile.", timeout=10)
            except RagstoneError as error:
                if error.reason == "CATALOG_UNAVAILABLE":
                    assert (error.retry_after, "is being restored" in error.message) == (1.0, True)
                    break
    own.kill()
    own.start()
    with own.client() as client:
        assert {each.state for each in client.operations.list('kind = "restore-snapshot"')} <= {
            OperationState.SUCCEEDED,
            OperationState.RUNNING,
            OperationState.WAITING,
        }
        assert len(documents(client)) == 12


def test_a_file_put_in_place_by_hand_gets_a_new_epoch(own: Served, tmp_path: Path) -> None:
    with own.client() as client:
        made = client.operations.wait(client.admin.snapshots.create("monday")).result()
        assert isinstance(made, snapshot_pb2.CreateSnapshotResponse)
        token = client.retrieve("boat", min_watermark="session").watermark
    words = [str(RAGSTONE), "migrate", "--new-epoch", "--data-dir", str(tmp_path / "data")]
    refused = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (refused.returncode, "stop it" in refused.stderr) == (1, True)
    assert own.terminate() == 0
    catalog = tmp_path / "data" / "catalog" / "catalog.sqlite3"
    catalog.write_bytes(b"all is lost")
    shutil.copy(tmp_path / "data" / "snapshots" / "monday" / CATALOG, catalog)
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "has the new epoch" in done.stdout
    assert "1 operations were cancelled" in done.stdout, "the one that made the snapshot"
    own.start()
    with own.client() as client:
        assert len(documents(client)) == 12
        with pytest.raises(InvalidArgument):
            client.retrieve("boat", min_watermark=token)
        assert made.snapshot.epoch not in head_of(client)
        assert len(answered_in_the_open(client, "boat number leaves")) == 12


def test_a_catalog_in_postgresql_has_backups_of_its_own(catalog_url: str, tmp_path: Path) -> None:
    settings = {"RAGSTONE__CATALOG__USE": "postgresql", "RAGSTONE__CATALOG__URL": catalog_url}
    with Served(tmp_path / "data", **settings) as served:
        with served.client() as client:
            client.upsert_document("a", text="The ferry leaves at nine.")
            token = client.retrieve("ferry", min_watermark="session").watermark
        for words in (("create",), ("list",), ("restore", "monday"), ("delete", "monday", "--yes")):
            done = terminal(served, "admin", "snapshots", *words)
            assert (done.exit_code, "SNAPSHOTS_UNSUPPORTED" in done.stderr) == (1, True), done.stderr
            assert "pg_dump" in done.stderr
        assert served.terminate() == 0
        environment = {**os.environ, **settings}
        done_ = subprocess.run(
            [RAGSTONE, "migrate", "--new-epoch", "--data-dir", tmp_path / "data"],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done_.returncode == 0, done_.stderr
        assert "has the new epoch" in done_.stdout
        served.start()
        with served.client() as client:
            with pytest.raises(InvalidArgument, match="before it was restored"):
                client.retrieve("ferry", min_watermark=token)
            assert answered_in_the_open(client, "ferry") == {"a"}
            client.upsert_document("b", text="The ferry leaves at ten.")
            assert len(client.retrieve("ferry", min_watermark=head_of(client))) == 2
