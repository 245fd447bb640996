"""At the limit: full disk, huge and many documents, a second server, a signal under load, a restart."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragstone import Client, NewDocument, Outcome, RagstoneError, ResourceExhausted, Unavailable
from tests.served import RAGSTONE, Served


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    if os.geteuid() != 0:
        reason = "mounting a small file system needs root"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    mounted = tmp_path / "small"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", mounted], check=True)
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "--lazy", mounted], check=True)


def test_p1_a_full_disk_stops_writes_and_nothing_else(small_disk: Path, tmp_path: Path) -> None:
    acknowledged = []
    with Served(small_disk / "data") as served, served.client() as client:
        client.upsert_document("first", text="The first bell rings at one.")
        filler = small_disk / "filler"
        refused: RagstoneError | None = None
        for i in range(400):
            try:
                client.upsert_document(f"d{i}", text=f"Bell {i}. " + os.urandom(30_000).hex())
                acknowledged.append(f"d{i}")
            except RagstoneError as error:
                refused = error
                break
            if i == 2:
                free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
                filler.write_bytes(b"\0" * max(0, free - 1_000_000))
        assert isinstance(refused, ResourceExhausted), refused
        assert refused.reason == "STORAGE_FULL"
        assert client.retrieve("first bell")[0].document == "first"
        filler.unlink()
        end = time.monotonic() + 30
        while True:
            try:
                client.upsert_document("after", text="The last bell rings after all.")
                break
            except ResourceExhausted:
                assert time.monotonic() < end
                time.sleep(0.2)
        stored = {document.document for document in client.list_documents()}
        assert {"first", "after", *acknowledged} <= stored
        hits = client.retrieve("last bell rings after all", top_k=50, min_watermark="session", timeout=60)
        assert "after" in {passage.document for passage in hits}


def test_a_second_server_on_the_same_data_is_refused_with_the_reason(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        second = subprocess.run(
            [RAGSTONE, "serve", "--listen", "127.0.0.1:0", "--data-dir", served.data_dir],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode != 0
        assert "another server (process" in second.stderr
        assert "Traceback" not in second.stderr
        assert second.stdout == ""
        with served.client() as client:
            assert client.admin.status().document_count == 0


def test_a_listen_address_that_is_not_loopback_is_refused(tmp_path: Path) -> None:
    for address in ("0.0.0.0:0", "192.168.1.1:5000", "nowhere"):
        done = subprocess.run(
            [RAGSTONE, "serve", "--listen", address, "--data-dir", tmp_path / "d"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0
        assert "server.listen" in done.stderr
        assert "Traceback" not in done.stderr


def test_p1_a_signal_under_load_completes_what_is_in_flight(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    answers: list[str] = []
    failures: list[Exception] = []
    with Served(tmp_path / "data") as served:
        with served.client() as client:
            client.upsert_document("ferry", text="The ferry to Nordvik leaves at nine.")
            client.retrieve("ferry", min_watermark="session")

        def write(client: Client, worker: int) -> None:
            for i in range(1000):
                try:
                    client.upsert_document(f"w{worker}-{i}", text=f"Bell {worker} rings {i} times.")
                except Exception as error:
                    if not isinstance(error, Unavailable):
                        failures.append(error)
                    return
                acknowledged.append(f"w{worker}-{i}")

        def ask(client: Client) -> None:
            for _ in range(1000):
                begun = False
                try:
                    for event in client.query("When does the ferry to Nordvik leave?"):
                        begun = True
                        last = event
                    answers.append(type(last).__name__)
                except Exception as error:
                    if begun or not isinstance(error, Unavailable):
                        failures.append(error)
                    return

        with served.client() as one, served.client() as two:
            threads = [threading.Thread(target=write, args=(one, 0)), threading.Thread(target=write, args=(one, 1))]
            threads.append(threading.Thread(target=ask, args=(two,)))
            for thread in threads:
                thread.start()
            time.sleep(1.5)
            assert served.terminate() == 0
            for thread in threads:
                thread.join(60)
        assert failures == [], served.log()[-4000:]
        assert set(answers) == {"Completed"}
        served.start()
        with served.client() as client:
            assert set(acknowledged) <= {document.document for document in client.list_documents()}


def test_a_restart_reads_files_and_embeds_nothing_again(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        with served.client() as client:
            sent = [NewDocument(document=f"d{i}", text=f"Tower {i} has a bell of {i} tons.") for i in range(40)]
            assert {a.outcome for a in client.ingest(sent)} == {Outcome.STORED}
            client.retrieve("tower", min_watermark="session")
        assert served.terminate() == 0
        assert served.log().count("starts again from the catalog") == 0
        served.start()
        with served.client() as client:
            assert client.retrieve("bell of 17 tons tower 17")[0].document == "d17"
            views = client.admin.status().views
            assert {view.position for view in views} == {40}
            again = list(client.ingest(sent))
            assert {a.outcome for a in again} == {Outcome.UNCHANGED}
        assert served.terminate() == 0


def test_ten_thousand_documents_of_one_line(tmp_path: Path) -> None:
    texts = [f"The bell of street {i} is new." for i in range(50)]
    with Served(tmp_path / "data") as served, served.client() as client:
        sent = (NewDocument(document=f"d{i:05}", text=texts[i % 50], title="Bells") for i in range(10_000))
        outcomes = [a.outcome for a in client.ingest(sent)]
        assert outcomes.count(Outcome.STORED) == 10_000
        status = client.admin.status()
        assert status.document_count == 10_000
        hits = client.retrieve("bell of street 7", top_k=5, min_watermark="session", timeout=120)
        assert {p.text for p in hits} == {texts[7]}


def test_p11_a_document_of_200_mb_is_refused_and_the_next_is_stored(tmp_path: Path) -> None:
    limit = 150 * 1024 * 1024
    with (
        Served(tmp_path / "data", RAGSTONE__INGEST__MAX_DOCUMENT_BYTES=str(limit)) as served,
        served.client() as client,
    ):
        huge = NewDocument(document="huge", content=bytes(200 * 1024 * 1024), filename="huge.txt")
        small = NewDocument(document="small", text="A small one comes after it.")
        by_document = {a.document: a for a in client.ingest([huge, small])}
        assert by_document["small"].outcome is Outcome.STORED
        error = by_document["huge"].error
        assert error is not None
        assert error.reason == "DOCUMENT_TOO_LARGE"
        assert error.metadata["limit_bytes"] == str(limit)


def test_p11_past_its_limits_the_server_asks_to_wait_and_stores_everything(tmp_path: Path) -> None:
    settings = {"RAGSTONE__INGEST__MAX_DOCUMENTS_IN_FLIGHT": "1"}
    with Served(tmp_path / "data", **settings) as served, served.client() as client:
        sent = [NewDocument(document=f"d{i}", text=f"Bell {i} hangs in tower {i}. " * 20) for i in range(12)]
        assert [a.outcome for a in client.ingest(sent)] == [Outcome.STORED] * 12
        refused: list[RagstoneError] = []

        def send(i: int) -> None:
            try:
                client.upsert_document(f"u{i}", text=f"Bell {i} is here and there. " * 200)
            except RagstoneError as error:
                refused.append(error)

        threads = [threading.Thread(target=send, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert refused
        assert {error.reason for error in refused} == {"OVERLOADED"}
        assert all(error.retry_after for error in refused)


def test_sigint_ends_it_as_sigterm_does(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        assert served.interrupt() == 0
        served.start()
