"""Verifying the views of a served server from the terminal: in order, under writes, damaged, repaired, refused."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ragstone import Client, InvalidArgument, NewDocument, NotFound
from ragstone.v1 import admin_service_pb2
from ragstone_server.cli.main import main
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.served import Served


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("verified") / "data") as served:
        with served.client() as client:
            client.admin.create_collection("boats")
            documents = (
                NewDocument(document=f"d{n}", text=f"Boat number {n} leaves at {n % 24}.", collection="boats")
                for n in range(120)
            )
            assert all(each.error is None for each in client.ingest(documents))
            client.retrieve("ready", collection="boats", min_watermark="session")
        yield served


def terminal(server: Served, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--server", server.address])


def verified(server: Served, *words: str) -> tuple[int, dict[str, Any]]:
    done = terminal(server, "admin", "verify", *words, "--json")
    return done.exit_code, json.loads(done.stdout)["response"]


def test_a_server_in_order_says_so(own: Served) -> None:
    done = terminal(own, "admin", "verify")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "2 views of 2 collections: all is in order\n"
    begun = terminal(own, "admin", "verify", "--collection", "boats", "--no-wait").stdout.strip()
    assert terminal(own, "admin", "operations", "wait", begun).exit_code == 0


def test_writers_do_not_disturb(own: Served) -> None:
    stop = threading.Event()

    def write() -> None:
        with own.client() as client:
            number = 0
            while not stop.is_set():
                number += 1
                client.upsert_document(f"w{number % 5}", text=f"Written for the {number}. time.", collection="boats")
                if number % 4 == 0:
                    client.delete_document(f"w{number % 5}", collection="boats")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            status, response = verified(own, "-c", "boats")
            assert (status, response.get("findings", [])) == (0, [])
            assert int(response["passages"]) >= 240
    finally:
        stop.set()
        writer.join()


def test_what_cannot_be_verified_is_refused(own: Served, tmp_path: Path) -> None:
    with own.client() as client:
        with pytest.raises(NotFound):
            client.admin.verify("nowhere")
        with pytest.raises(InvalidArgument):
            client.admin.verify("tenants/A/collections/b")
    assert terminal(own, "admin", "verify", "-c", "nowhere").exit_code == 1
    with (
        Served(tmp_path / "blind", RAGSTONE__SERVER__ROLES='["ingest"]') as blind,
        blind.client() as client,
        pytest.raises(InvalidArgument, match="role `query`"),
    ):
        client.admin.verify()


def test_a_repair_goes_on_after_a_kill(own: Served) -> None:
    """It dies when the view that is built anew is written; what was wrong is told by the one that goes on."""
    own.terminate()
    own.start(**{VARIABLE: f"{FailPoint.VECTORS_BEFORE_SEGMENT}=kill"})
    with own.client() as client:
        before = answers(client)
        flip(largest(own.data_dir / "views", "*.segment"))
        operation = client.admin.verify("boats", repair=True)
    own.wait()
    own.start()
    with own.client() as client:
        response = client.operations.wait(operation, timeout=60).result()
        assert isinstance(response, admin_service_pb2.VerifyResponse)
        assert response.finding_count == response.findings_repaired >= 1
        assert answers(client) == before
    assert terminal(own, "admin", "verify").exit_code == 0


def test_damage_is_found_and_repaired(own: Served) -> None:
    """Of both views, while the server runs; it is the last test of its server."""
    with own.client() as client:
        before = answers(client)
    own.terminate()
    own.start()  # what was in memory is in files
    with own.client() as client:
        assert answers(client) == before, "the views are open: one that opens damaged would be filled anew by itself"
    views = own.data_dir / "views"
    for path in (largest(views, "*.segment"), largest(views, "*.store", "*.idx", "*.term", "*.pos", "*.fast")):
        flip(path)
    done = terminal(own, "admin", "verify")
    assert done.exit_code == 5, done.output
    assert "boats vectors" in done.stdout
    assert "boats words: 1 damaged" in done.stdout
    with own.client() as client:
        operation = client.operations.wait(client.admin.verify("boats", repair=True))
        response = operation.result()
        assert isinstance(response, admin_service_pb2.VerifyResponse)
        assert response.finding_count == response.findings_repaired >= 2
        assert answers(client) == before
    assert terminal(own, "admin", "verify").exit_code == 0


def answers(client: Client) -> list[str]:
    found = client.retrieve("When does boat number 7 leave?", collection="boats", top_k=5, min_watermark="session")
    return [each.document for each in found]


def largest(folder: Path, *patterns: str) -> Path:
    return max((path for each in patterns for path in folder.rglob(each)), key=lambda path: path.stat().st_size)


def flip(path: Path) -> None:
    """A bit, in its place: the file may be mapped into memory."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    with path.open("r+b") as file:
        file.write(data)
