"""A server in this process that says what a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from ragstone import Client
from ragstone.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
)

Requests = Iterator[ingest_service_pb2.IngestRequest]
Responses = Iterator[ingest_service_pb2.IngestResponse]


def failure(code: grpc.StatusCode, reason: str, *details: Message, **metadata: str) -> status_pb2.Status:
    """A status as Ragstone sends it."""
    status = status_pb2.Status(code=code.value[0], message=f"it was {reason}")
    for detail in (error_details_pb2.ErrorInfo(reason=reason, domain="ragstone.dev", metadata=metadata), *details):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


class FakeServer(
    query_service_pb2_grpc.QueryServiceServicer,
    ingest_service_pb2_grpc.IngestServiceServicer,
    admin_service_pb2_grpc.AdminServiceServicer,
):
    """Records what it is asked. `events`, `responses` and `ingest` say what it answers, `failures` what
    it fails with first, `breaks` what a stream ends with."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[Message] = []
        self.seconds: list[float] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.failures: list[tuple[grpc.StatusCode, bytes]] = []
        self.events: list[query_service_pb2.QueryResponse] = []
        self.endless = False
        self.breaks: status_pb2.Status | None = None
        self.responses: dict[str, Message | Callable[[Any], Message]] = {}
        self.ingest: Callable[[Requests], Responses] = acknowledging
        self.left = threading.Event()

    def fail(self, status: status_pb2.Status, times: int = 1) -> None:
        """Fail the next calls."""
        code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        self.failures += [(code, status.SerializeToString())] * times

    def _abort(self, context: grpc.ServicerContext, status: status_pb2.Status) -> None:
        self.fail(status)
        code, details = self.failures.pop()
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(code, "it failed")

    def _enter(self, request: Message | None, context: grpc.ServicerContext) -> None:
        context.add_callback(self.left.set)
        if request is not None:
            self.requests.append(request)
        remaining = context.time_remaining()
        assert remaining is not None
        self.seconds.append(remaining)
        self.metadata.append(dict(context.invocation_metadata()))
        if self.failures:
            code, details = self.failures.pop(0)
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
            context.abort(code, "it failed")

    def Query(self, request: Any, context: Any) -> Iterator[query_service_pb2.QueryResponse]:
        self._enter(request, context)
        yield from self.events
        if self.breaks is not None:
            self._abort(context, self.breaks)
        while self.endless and context.is_active():
            yield query_service_pb2.QueryResponse(heartbeat=query_service_pb2.Heartbeat())
            self.left.wait(0.01)

    def Ingest(self, request_iterator: Requests, context: Any) -> Responses:
        self._enter(None, context)
        yield from self.ingest(request_iterator)


def acknowledging(requests: Requests) -> Responses:
    """Store every document that comes whole."""
    for position, request in enumerate(requests, 1):
        if request.WhichOneof("action") == "header":
            yield acknowledgement(request.sequence, watermark=f"w1.a.{position:04x}")


def acknowledgement(sequence: int, **fields: Any) -> ingest_service_pb2.IngestResponse:
    """One acknowledgement: of a stored document, unless it says otherwise."""
    stored = {"outcome": ingest_service_pb2.WRITE_OUTCOME_STORED, "version": 1, **fields}
    return ingest_service_pb2.IngestResponse(
        acknowledgement=ingest_service_pb2.Acknowledgement(sequence=sequence, **stored)
    )


def _unary(method: str, empty: type[Message]) -> Callable[[FakeServer, Any, Any], Message]:
    def call(self: FakeServer, request: Any, context: Any) -> Message:
        self._enter(request, context)
        answer = self.responses.get(method, empty())
        return answer(request) if callable(answer) else answer

    return call


for _module, _service in (
    (query_service_pb2, "QueryService"),
    (ingest_service_pb2, "IngestService"),
    (admin_service_pb2, "AdminService"),
):
    for _method in _module.DESCRIPTOR.services_by_name[_service].methods:
        if not (_method.server_streaming or _method.client_streaming):
            setattr(FakeServer, _method.name, _unary(_method.name, GetMessageClass(_method.output_type)))


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    fake = FakeServer()  # type: ignore[abstract]  # its methods are set below the class
    server = grpc.server(futures.ThreadPoolExecutor(8))
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(fake, server)
    ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(fake, server)
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield fake
    server.stop(None).wait()


@pytest.fixture
def client(fake: FakeServer) -> Iterator[Client]:
    with Client(fake.address) as client:
        yield client


@pytest.fixture
def fail_with() -> Callable[..., status_pb2.Status]:
    """Makes a status as Ragstone sends it."""
    return failure


@pytest.fixture
def acknowledge() -> Callable[..., ingest_service_pb2.IngestResponse]:
    """Makes an acknowledgement."""
    return acknowledgement
