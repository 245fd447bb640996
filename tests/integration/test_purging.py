"""Purges through a served server and the terminal: counted, deleted, killed in the middle, cancelled, refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ragstone import Client, FailedPrecondition, InvalidArgument, NewDocument, NotFound, OperationState, RagstoneError
from ragstone.v1 import ingest_service_pb2
from ragstone_server.cli.main import main
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.served import Served

ANY = "The ferry leaves at nine."


def fill(client: Client, count: int, collection: str = "default") -> None:
    """Documents of two years. Of equal text, so that little is embedded."""
    acknowledged = client.ingest(
        NewDocument(
            document=f"d{n:04}", text=ANY, title="Ferry", metadata={"year": 2020 + n % 2}, collection=collection
        )
        for n in range(count)
    )
    assert all(each.error is None for each in acknowledged)


def left(client: Client, collection: str = "default") -> list[str]:
    return [each.document for each in client.list_documents(collection=collection)]


def terminal(server: Served, *words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, [*words, "--server", server.address], input=typed)


def purged(server: Served, *words: str) -> dict[str, Any]:
    done = terminal(server, "admin", "purge", *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_purge_is_counted_first_and_done_with_force(server: Served, client: Client) -> None:
    client.admin.create_collection("years")
    fill(client, 30, "years")
    counted = terminal(server, "admin", "purge", "year = 2021", "--collection", "years")
    assert counted.exit_code == 0
    assert counted.stdout.splitlines()[:2] == ["15 would be deleted; --force deletes them", "  d0001"]
    assert len(left(client, "years")) == 30

    refused = terminal(server, "admin", "purge", "year = 2021", "-c", "years", "--force", typed="n\n")
    assert (refused.exit_code, len(left(client, "years"))) == (1, 30)
    said = purged(server, "year = 2021", "-c", "years", "--force", "--yes")
    assert (said["kind"], said["state"], said["response"]["deleted"]) == ("purge-documents", "succeeded", "15")
    assert said["metadata"]["parent"] == "tenants/default/collections/years"
    assert len(left(client, "years")) == 15
    found = client.retrieve("When does the ferry leave?", collection="years", top_k=30)
    assert {int(each.document[1:]) % 2 for each in found} == {0}

    done = terminal(server, "admin", "purge", "*", "-c", "years", "--force", "--yes")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "15 deleted\n", "")
    listed = json.loads(terminal(server, "admin", "operations", "list", "--kind", "purge-documents", "--json").stdout)
    assert len(listed["operations"]) == 3


def test_what_is_wrong_is_said_at_once(server: Served, client: Client) -> None:
    for filter_, collection, kind, reason in (
        ("year =", "default", InvalidArgument, "INVALID_FILTER"),
        ("", "default", InvalidArgument, "INVALID_REQUEST"),
        ("*", "nowhere", NotFound, "COLLECTION_NOT_FOUND"),
        ("*", "tenants/A/collections/b", InvalidArgument, "INVALID_NAME"),
    ):
        with pytest.raises(kind) as refused:
            client.purge_documents(filter_, collection=collection, force=True)
        assert refused.value.reason == reason
    assert terminal(server, "admin", "purge", "year =").exit_code == 1
    assert terminal(server, "admin", "purge", "*", "--force", "--json").exit_code == 2


@pytest.mark.parametrize("point", [FailPoint.CATALOG_BEFORE_COMMIT, FailPoint.CATALOG_AFTER_COMMIT])
def test_a_purge_goes_on_after_a_kill(tmp_path: Path, point: FailPoint) -> None:
    """In the middle of the deletions of a step; what is written between the two lives of the server stays."""
    with Served(tmp_path / "data", RAGSTONE__OPERATIONS__TAKEOVER_SECONDS="3600") as server:
        with server.client() as client:
            fill(client, 300)
        server.terminate()
        server.start(**{VARIABLE: f"{point}=kill@2"})
        with server.client() as client:
            operation = client.purge_documents("year = 2021", force=True)
        server.wait()
        server.start()
        with server.client() as client:
            client.upsert_document("d0299", text="It came again.", metadata={"year": 2021}, version=50)
            ended = client.operations.wait(operation, timeout=60)
            assert ended.state is OperationState.SUCCEEDED
            response = ended.result()
            assert isinstance(response, ingest_service_pb2.PurgeDocumentsResponse)
            here = left(client)
            came_again = "d0299" in here
            assert response.deleted + response.skipped == response.matched
            assert response.matched in (149, 150), (
                "the one that was written again matched, or was not looked at any more"
            )
            assert {n for n in here if int(n[1:]) % 2} == ({"d0299"} if came_again else set())
            assert came_again, "what is written after the purge was asked for stays"
            metadata = ended.metadata
            assert isinstance(metadata, ingest_service_pb2.PurgeDocumentsMetadata)
            assert metadata.total == 300
            found = client.retrieve("When does the ferry leave?", top_k=300)
            assert {each.document for each in found} & {f"d{n:04}" for n in range(1, 299, 2)} == set()


def test_a_purge_is_cancelled(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as server:
        with server.client() as client:
            fill(client, 400)
        server.terminate()
        server.start(**{VARIABLE: f"{FailPoint.CATALOG_AFTER_COMMIT}=kill@2"})
        with server.client() as client:
            operation = client.purge_documents("*", force=True)
        server.wait()
        server.start(RAGSTONE__SERVER__ROLES='["query"]')  # It runs no purges, but ends what is cancelled.
        with server.client() as client:
            with pytest.raises(FailedPrecondition) as refused:
                client.operations.delete(operation)
            assert refused.value.reason == "OPERATION_RUNNING"
            client.operations.cancel(operation)
            ended = client.operations.wait(operation, timeout=60)
            assert ended.state is OperationState.CANCELLED
            client.operations.delete(operation)
            with pytest.raises(NotFound):
                client.operations.get(operation)
        server.terminate()
        server.start()
        with server.client() as client:
            assert 0 < len(left(client)) < 400, "what was done stays done, and no more is"


def test_a_server_without_the_role_offers_no_purge_and_runs_none(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as server:
        with server.client() as client:
            fill(client, 2)
        server.terminate()
        server.start(RAGSTONE__SERVER__ROLES='["query"]')
        with server.client() as client:
            with pytest.raises(RagstoneError, match="not found"):
                client.purge_documents("*")
            assert list(client.operations.list()) == []


async def test_the_asynchronous_client_purges(server: Served, client: Client) -> None:
    from ragstone import AsyncClient

    client.admin.create_collection("async")
    fill(client, 3, "async")
    async with AsyncClient(server.address) as asking:
        operation = await asking.purge_documents("year = 2020", collection="async", force=True)
        ended = await asking.operations.wait(operation)
        response = ended.result()
    assert isinstance(response, ingest_service_pb2.PurgeDocumentsResponse)
    assert (response.deleted, response.force, len(response.sample)) == (2, True, 0)
    assert left(client, "async") == ["d0001"]
