"""Deadlines, retries, tokens and proxies."""

from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2

import ragstone
from ragstone import AsyncClient, Client
from ragstone.channel import call_metadata, service_config
from ragstone.v1 import (
    admin_service_pb2,
    ingest_service_pb2,
    query_service_pb2,
)

from .conftest import FakeServer


def test_a_deadline_reaches_the_server(fake: FakeServer, client: Client) -> None:
    client.retrieve("x")
    client.get_document("a")
    client.admin.status()
    client.retrieve("x", timeout=4)
    assert [round(seconds, -1) for seconds in fake.seconds] == [60, 30, 60, 0]


def test_the_caller_may_wait_longer_than_the_method_does_by_itself(fake: FakeServer, client: Client) -> None:
    client.retrieve("x", timeout=600)
    assert fake.seconds[0] > 500
    # gRPC would end the call at a timeout of the service config, whatever the caller said and without a word to the server.
    assert all("timeout" not in config for config in service_config()["methodConfig"])


async def test_deadlines_for_asyncio(fake: FakeServer) -> None:
    async with AsyncClient(fake.address) as client:
        await client.retrieve("x")
        await client.retrieve("x", timeout=600)
    assert 50 < fake.seconds[0] < 70
    assert fake.seconds[1] > 500


def test_the_ingest_stream_has_no_deadline(fake: FakeServer, client: Client) -> None:
    list(client.ingest([]))
    assert fake.seconds[0] > 1e6


def test_what_may_be_sent_twice_is_tried_again(fake: FakeServer, client: Client, fail_with: Any) -> None:
    fake.fail(fail_with(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"), times=2)
    assert client.retrieve("x") == []
    assert len(fake.requests) == 3


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL])
def test_nothing_else_is_tried_again(fake: FakeServer, client: Client, fail_with: Any, code: grpc.StatusCode) -> None:
    fake.fail(fail_with(code, "OVERLOADED"))
    with pytest.raises(ragstone.RagstoneError):
        client.retrieve("x")
    assert len(fake.requests) == 1


def test_creations_and_deletions_are_not_sent_twice(fake: FakeServer, client: Client, fail_with: Any) -> None:
    for call in (
        lambda: client.admin.create_collection("a"),
        lambda: client.admin.delete_collection("a"),
        lambda: client.delete_document("a"),
    ):
        fake.requests.clear()
        fake.fail(fail_with(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"))
        with pytest.raises(ragstone.Unavailable):
            call()
        assert len(fake.requests) == 1


def test_it_is_decided_for_every_method_whether_it_may_be_sent_twice() -> None:
    (config,) = service_config()["methodConfig"]
    retried = {(name["service"], name["method"]) for name in config["name"]}
    once = {
        "Query",
        "Ingest",
        "DeleteDocument",
        "CreateCollection",
        "DeleteCollection",
        "CreatePrompt",
        "RollBackPrompt",
        "ReplayDeadLetter",
        "DiscardDeadLetter",
        "PurgeDocuments",
        "Verify",
        "Reindex",
        "RollBackGeneration",
        "DeleteGeneration",
        "PurgeRecordedQuestions",
        "CreateSnapshot",
        "RestoreSnapshot",
        "DeleteSnapshot",
        "DeleteOperation",
    }
    methods = {
        (service.full_name, method.name)
        for module in (query_service_pb2, ingest_service_pb2, admin_service_pb2, operations_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert retried == {(service, method) for service, method in methods if method not in once}
    assert config["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


def test_a_token_is_sent_as_bearer(fake: FakeServer) -> None:
    with Client(fake.address, token="t0ken") as client:
        client.retrieve("x")
        list(client.query("x"))
        list(client.ingest([]))
        client.admin.status()
    assert {metadata["authorization"] for metadata in fake.metadata} == {"Bearer t0ken"}
    with Client(fake.address) as client:
        client.retrieve("x")
    assert "authorization" not in fake.metadata[-1]


@pytest.mark.parametrize(
    "address",
    ["ragstone.example:443", "10.0.0.7:50051", "127.0.0.1.example:50051", "dns:///127.0.0.1:50051", "example"],
)
def test_a_token_does_not_travel_where_others_can_read_it(address: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="TLS"):
            kind(address, token="t0ken")
    assert call_metadata(address, "t0ken", secure=True)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1"])
def test_the_loopback_needs_no_tls(address: str) -> None:
    assert call_metadata(address, "t0ken", secure=False) == (("authorization", "Bearer t0ken"),)


def test_a_proxy_of_the_environment_is_not_asked_for_the_loopback(
    fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    with Client(fake.address) as client:
        assert client.retrieve("x", timeout=10) == []
