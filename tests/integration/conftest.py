"""One server for the tests of this folder that only add to it, with the handbook in a collection of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragstone import Client, NewDocument
from tests.served import Served

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
