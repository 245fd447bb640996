"""The end of serving: what is in flight completes, what only waits is ended, and nobody waits for nobody."""

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ragstone import NewDocument, RagstoneError
from ragstone.errors import from_rpc
from ragstone.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from tests.served import Served

NAME = "tenants/default/collections/default/documents/{}"


def test_one_who_watches_the_health_does_not_keep_the_server(tmp_path: Path) -> None:
    with (
        Served(tmp_path / "data", RAGSTONE__SERVER__DRAIN_SECONDS="600") as served,
        grpc.insecure_channel(served.address) as channel,
    ):
        watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
        assert served.terminate() == 0
        assert next(watching).status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_an_idle_producer_is_told_that_the_server_ends_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    over = threading.Event()

    def idle() -> Iterator[ingest_service_pb2.IngestRequest]:
        header = ingest_service_pb2.DocumentHeader(name=NAME.format("one"), text="The bell rings at six.")
        yield ingest_service_pb2.IngestRequest(sequence=1, header=header)
        over.wait(60)

    with Served(tmp_path / "data", RAGSTONE__SERVER__DRAIN_SECONDS="600") as served:
        with grpc.insecure_channel(served.address) as channel:
            responses = ingest_service_pb2_grpc.IngestServiceStub(channel).Ingest(idle())
            assert next(responses).acknowledgement.outcome == ingest_service_pb2.WRITE_OUTCOME_STORED
            assert served.terminate() == 0
            with pytest.raises(grpc.RpcError) as error:
                next(responses)
            over.set()
            assert from_rpc(error.value).reason == "SHUTTING_DOWN"
            assert dict(error.value.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
        served.start()
        with served.client() as client:
            assert client.get_document("one").version == 1


def test_what_was_acknowledged_before_the_end_is_stored(tmp_path: Path) -> None:
    stopped = threading.Event()
    acknowledged = []

    def sent() -> Iterator[NewDocument]:
        for i in range(1000):
            yield NewDocument(document=f"d{i}", text=f"The bell of tower {i} rings at six. " * 50)

    with Served(tmp_path / "data") as served:
        with served.client() as client, pytest.raises(RagstoneError) as error:
            for acknowledgement in client.ingest(sent()):
                assert acknowledgement.error is None
                acknowledged.append(acknowledgement.document)
                if len(acknowledged) == 5:
                    threading.Thread(target=lambda: (served.terminate(), stopped.set())).start()
        assert error.value.reason == "SHUTTING_DOWN"
        assert stopped.wait(60)
        served.start()
        with served.client() as client:
            assert set(acknowledged) <= {document.document for document in client.list_documents()}
