"""google.longrunning.Operations over a store in memory, with a runner of a kind that counts sheep."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.longrunning import operations_pb2_grpc
from grpc import aio

from ragstone_server.operations.desk import Operations
from ragstone_server.operations.kinds import OperationKind, Run, Values
from ragstone_server.operations.runner import Runner
from ragstone_server.operations.settings import OperationsSettings
from ragstone_server.spi.errors import CollectionNotFound
from ragstone_server.spi.operations import NewOperation
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.testing.memory.operation_store import MemoryOperationStore
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.interceptor import CallInterceptor
from ragstone_server.transport.grpc.operations_service import OperationsServicer
from ragstone_server.transport.grpc.settings import GrpcSettings

QUICK = OperationsSettings(heartbeat_seconds=0.05, takeover_seconds=0.5, poll_seconds=0.02)


async def count(run: Run) -> Values:
    """Count to `most`; none of a flock that is gone."""
    at = run.progress.get("at", 0)
    while at < run.parameters["most"]:
        await asyncio.sleep(0.01)
        at += 1
        await run.step({"at": at})
    if run.parameters.get("gone"):
        raise CollectionNotFound("the flock is gone")
    return {"sheep": at}


class Served:
    """A server in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.store = MemoryOperationStore()
        self.drain = Drain()
        self.address = ""
        self.operations: Operations

    def begin(self, parameters: str = '{"most": 3}', kind: str = "count-sheep") -> int:
        """An operation; its number."""
        new = NewOperation(kind=kind, parameters=parameters, collection="tenants/default/collections/flock")
        return int(self.run(self.operations.begin(new)).id)

    def run(self, work: Any) -> Any:
        """In the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@contextmanager
def serving() -> Iterator[Served]:
    """Serve as long as the context."""
    served = Served()
    thread = threading.Thread(target=served.loop.run_forever)
    thread.start()

    async def start() -> Any:
        clock = MemoryClock()
        runner = Runner(
            served.store, [OperationKind(name="count-sheep", work=count)], QUICK, clock, "server-1", shared=True
        )
        served.operations = Operations(served.store, runner, clock)
        context = runner.running()
        await context.__aenter__()
        server = aio.server(interceptors=(CallInterceptor(GrpcSettings(), served.drain),))
        operations_pb2_grpc.add_OperationsServicer_to_server(
            OperationsServicer(served.operations, served.drain), server
        )
        served.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        return context, server

    async def stop(context: Any, server: aio.Server) -> None:
        await server.stop(0)
        await context.__aexit__(None, None, None)

    opened = served.run(start())
    try:
        yield served
    finally:
        served.run(stop(*opened))
        served.loop.call_soon_threadsafe(served.loop.stop)
        thread.join()
        served.loop.close()
