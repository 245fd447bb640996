"""The gRPC server: our services, health and reflection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from google.longrunning import operations_pb2, operations_pb2_grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ragstone.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
)
from ragstone_server.spi.errors import StartError
from ragstone_server.transport.grpc.admin_service import AdminServicer
from ragstone_server.transport.grpc.backend import Backend
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.ingest_service import IngestServicer
from ragstone_server.transport.grpc.interceptor import CallInterceptor
from ragstone_server.transport.grpc.operations_service import OperationsServicer
from ragstone_server.transport.grpc.query_service import QueryServicer
from ragstone_server.transport.grpc.settings import GrpcSettings

QUERY_SERVICE = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name
INGEST_SERVICE = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
ADMIN_SERVICE = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name
OPERATIONS_SERVICE = operations_pb2.DESCRIPTOR.services_by_name["Operations"].full_name
SERVICES = (QUERY_SERVICE, INGEST_SERVICE, ADMIN_SERVICE, OPERATIONS_SERVICE)
LAST_REPLIES_S = 2.0
LOOKAHEAD_BYTES = 1024 * 1024
"""What gRPC reads of a stream that is not being read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningServer:
    """A server that answers."""

    address: str
    """HOST:PORT that it listens on."""


@asynccontextmanager
async def listening(
    backend: Backend,
    settings: GrpcSettings,
    listen: str,
    *,
    max_document_bytes: int,
    drain_s: float,
    without: frozenset[str] = frozenset(),
) -> AsyncIterator[ListeningServer]:
    """Serve until the context is left; then say so, refuse new calls, and let those in flight complete.

    `without` names services that this process does not offer.
    """
    drain = Drain()
    interceptor = CallInterceptor(settings, drain)
    server = aio.server(
        interceptors=(interceptor,),
        options=(
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            # Two servers on one port would share its callers silently.
            ("grpc.so_reuseport", 0),
            # A window of a fixed size: left alone, gRPC would read whole uploads ahead of us.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ),
    )
    if QUERY_SERVICE not in without:
        query_service_pb2_grpc.add_QueryServiceServicer_to_server(QueryServicer(backend, settings), server)
    if INGEST_SERVICE not in without:
        ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(
            IngestServicer(backend, settings, drain, max_document_bytes), server
        )
    offered = [service for service in SERVICES if service not in without]
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(AdminServicer(backend, settings), server)
    operations_pb2_grpc.add_OperationsServicer_to_server(OperationsServicer(backend.operations, drain), server)
    states = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    reflection.enable_server_reflection((*offered, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    host, _, port = listen.rpartition(":")
    try:
        bound = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise StartError(f"server.listen: {listen} cannot be listened on; is another server running there?") from error
    await server.start()
    for service in ("", *offered):
        await states.set(service, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield ListeningServer(address=f"{host}:{bound or port}")
    finally:
        await states.enter_graceful_shutdown()
        await interceptor.drain(drain_s)
        # Those who watch the health of a server watch it for ever: they get no more time than the last replies need.
        await server.stop(LAST_REPLIES_S)
