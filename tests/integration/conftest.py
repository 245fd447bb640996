"""One server for the tests of this folder that only add to it, with the handbook in a collection of its own."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragstone import Client, NewDocument
from tests.served import Served
from tests.support.server import RunningServer

HANDBOOK = Path(__file__).parent.parent.parent / "handbook"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served") / "data") as served:
        with served.client() as client:
            client.admin.create_collection("handbook")
            files = sorted((HANDBOOK / "documents").iterdir())
            sent = (
                NewDocument(document=f.name, content=f.read_bytes(), filename=f.name, collection="handbook")
                for f in files
            )
            acknowledgements = list(client.ingest(sent))
            assert [a.error for a in acknowledgements if a.error] == []
            assert len(acknowledgements) == len(files)
            client.retrieve("ready", collection="handbook", min_watermark="session")
        yield served


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def _running() -> Iterator[RunningServer]:
    """One server a worker: starting takes seconds. Tests keep apart by their collections."""
    with RunningServer() as running:
        yield running


@pytest.fixture
def shared(_running: RunningServer) -> Iterator[RunningServer]:
    """A server that other tests use too; the test's own part of its log must be clean, and it must be alive at the end."""
    begin = _running.check_log()
    yield _running
    assert _running.alive()
    _running.check_log(begin)


@pytest.fixture
def guest(shared: RunningServer) -> Iterator[Client]:
    """A client of the shared server."""
    with shared.client() as client:
        yield client


@pytest.fixture
def collection(guest: Client) -> Iterator[str]:
    """A collection of the test's own."""
    name = f"c-{uuid.uuid4().hex}"
    guest.admin.create_collection(name)
    yield name
    guest.admin.delete_collection(name, force=True)
