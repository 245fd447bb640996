"""A server that dies while a generation is built, activated or deleted: its passages are as if nothing had gone wrong."""

from pathlib import Path

import pytest

from ragstone import Client, RagstoneError
from ragstone.v1 import admin_service_pb2
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.generations import COLLECTION, SHORT, cut, fill, note, number_of, states
from tests.served import Served

BUILDING = (FailPoint.GENERATION_AFTER_BEGIN, FailPoint.GENERATION_BEFORE_CUTS, FailPoint.GENERATION_BEFORE_READY)
MORE = 60


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[frozenset[str], frozenset[str]]:
    """The passages of both generations where nothing goes wrong."""
    with Served(tmp_path_factory.mktemp("expected") / "data") as server, server.client() as client:
        fill(client, MORE)
        client.upsert_document("meanwhile", text=note(7), collection=COLLECTION)
        before = cut(client)
        begun = client.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
        number = number_of(client.operations.wait(begun, timeout=120))
        client.admin.generations.activate(number, collection=COLLECTION)
        return before, cut(client)


@pytest.mark.parametrize("point", BUILDING)
def test_a_generation_is_complete_after_a_kill(
    tmp_path: Path, point: FailPoint, expected: tuple[frozenset[str], frozenset[str]]
) -> None:
    """With what is written between the lives of the server, nothing is missing and nothing is there twice."""
    with Served(tmp_path / "data", RAGSTONE__OPERATIONS__TAKEOVER_SECONDS="3600") as server:
        with server.client() as client:
            fill(client, MORE)
        server.terminate()
        server.start(**{VARIABLE: f"{point}=kill{'@2' if point is FailPoint.GENERATION_BEFORE_CUTS else ''}"})
        with server.client() as client:
            begun = client.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
        server.wait()
        server.start()
        with server.client() as client:
            client.upsert_document("meanwhile", text=note(7), collection=COLLECTION)
            number = number_of(client.operations.wait(begun, timeout=120))
            assert states(client) == {1: "live", number: "ready"}
            assert cut(client) == expected[0]
            client.admin.generations.activate(number, collection=COLLECTION)
            assert cut(client) == expected[1]
            assert verified(client) == []


@pytest.mark.parametrize("point", [FailPoint.GENERATION_BEFORE_SWITCH, FailPoint.GENERATION_AFTER_SWITCH])
def test_a_kill_during_a_switch_leaves_one_of_the_two_live(
    tmp_path: Path, point: FailPoint, expected: tuple[frozenset[str], frozenset[str]]
) -> None:
    with Served(tmp_path / "data") as server:
        with server.client() as client:
            fill(client, MORE)
            client.upsert_document("meanwhile", text=note(7), collection=COLLECTION)
            begun = client.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
            number_of(client.operations.wait(begun, timeout=120))
        server.terminate()
        server.start(**{VARIABLE: f"{point}=kill"})
        with server.client() as client, pytest.raises(RagstoneError):
            client.admin.generations.activate(2, collection=COLLECTION)
        server.wait()
        server.start()
        with server.client() as client:
            switched = point is FailPoint.GENERATION_AFTER_SWITCH
            assert states(client) == ({1: "former", 2: "live"} if switched else {1: "live", 2: "ready"})
            assert cut(client) == expected[switched]
            client.admin.generations.activate(2, collection=COLLECTION)
            client.admin.generations.roll_back(collection=COLLECTION)
            assert cut(client) == expected[0]
            assert verified(client) == []


def test_a_deletion_goes_on_after_a_kill(tmp_path: Path, expected: tuple[frozenset[str], frozenset[str]]) -> None:
    """Killed at any instant of it; the files go too, and the other generation is whole."""
    data = tmp_path / "data"
    with Served(data, RAGSTONE__OPERATIONS__TAKEOVER_SECONDS="3600") as server:
        with server.client() as client:
            fill(client, MORE)
            client.upsert_document("meanwhile", text=note(7), collection=COLLECTION)
            begun = client.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
            number = number_of(client.operations.wait(begun, timeout=120))
            client.admin.generations.activate(number, collection=COLLECTION)
            deleted = client.admin.generations.delete(1, collection=COLLECTION)
        server.kill()
        server.start()
        with server.client() as client:
            ended = client.operations.wait(deleted, timeout=60)
            assert ended.error is None
            assert states(client) == {number: "live"}
            assert cut(client) == expected[1]
            assert verified(client) == []
            again = number_of(
                client.operations.wait(client.admin.generations.reindex(collection=COLLECTION), timeout=120)
            )
            client.admin.generations.activate(again, collection=COLLECTION)
            client.operations.wait(client.admin.generations.delete(number, collection=COLLECTION), timeout=60)
            assert cut(client) == expected[0]
        (folder,) = {each.parent for each in (data / "views").glob(f"*/generation-{again}")}
        assert {each.name for each in folder.iterdir()} == {f"generation-{again}"}, "nothing else is left"


def verified(client: Client) -> list[object]:
    """What a verification of all views finds."""
    result = client.operations.wait(client.admin.verify(COLLECTION), timeout=120).result()
    assert isinstance(result, admin_service_pb2.VerifyResponse)
    return list(result.findings)
