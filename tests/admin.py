"""AdminService over a store in memory, without what its methods about prompts and dead letters do not use."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from grpc import aio

from ragstone.v1 import admin_service_pb2_grpc
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.pipelines.dead_letters import Replay
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.sources import SourceStatus
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.transport.grpc.admin_service import AdminServicer
from ragstone_server.transport.grpc.backend import Backend
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.interceptor import CallInterceptor
from ragstone_server.transport.grpc.settings import GrpcSettings


class _Idle:
    """Indexes, ingestion and routes of a server that does nothing."""

    documents = 0

    @property
    def admission(self) -> "_Idle":
        return self

    def positions(self) -> dict[Any, Any]:
        return {}

    failures = positions
    deployments = positions


def admin_servicer(
    store: CatalogStore, replay: Replay | None = None, sources: Sequence[SourceStatus] = (), **settings: int
) -> AdminServicer:
    """The servicer; what it does not use is None."""
    idle, unused = cast(Any, _Idle()), cast(Any, None)
    backend = Backend(
        catalog=Catalog(store, ManualClock()),
        indexes=idle,
        ingest=idle,
        retrieve=unused,
        answer=unused,
        check_grounding=unused,
        registry=unused,
        routes=idle,
        clock=ManualClock(),
        data_dir=unused,
        operations=unused,
        purge=unused,
        verify=unused,
        reindex=unused,
        generations=unused,
        compare_generations=unused,
        snapshots=unused,
        create_snapshot=unused,
        restore_snapshot=unused,
        replay=replay or unused,
        source_status=lambda: sources,
    )
    return AdminServicer(backend, GrpcSettings(**settings))


@contextmanager
def serving(servicer: AdminServicer) -> Iterator[str]:
    """Serve it with the interceptor of all services, in a thread of its own; gives the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[aio.Server, int]:
        server = aio.server(interceptors=(CallInterceptor(GrpcSettings(), Drain()),))
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    async def stop(server: aio.Server) -> None:
        await server.stop(0)

    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
