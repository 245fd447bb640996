"""The life of the process: open, say where, wait for a signal, drain, close."""

import asyncio
import gc
import signal
import sys
from collections.abc import Collection
from typing import TextIO

from ragstone_server.app.application import application
from ragstone_server.app.configuration import Configuration
from ragstone_server.app.listening import checked_address
from ragstone_server.app.settings import Role
from ragstone_server.observe.logs import configure
from ragstone_server.transport.grpc.server import INGEST_SERVICE, QUERY_SERVICE, listening


async def serve(configuration: Configuration, out: TextIO = sys.stdout) -> None:
    """Serve until SIGTERM or SIGINT. The first line on `out` says where, once the server can answer."""
    configure(configuration.server.log_level, configuration.server.log_format)
    address = checked_address(configuration.server.listen)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with (
        application(configuration) as backend,
        listening(
            backend,
            configuration.grpc,
            address,
            max_document_bytes=configuration.ingest.max_document_bytes,
            drain_s=configuration.server.drain_seconds,
            without=services_without(configuration.server.roles),
        ) as server,
    ):
        _spare_the_collector()
        print(f"listening on {server.address}", file=out, flush=True)
        await stopped.wait()


def _spare_the_collector() -> None:
    """Have what lives as long as the process left out of every collection of garbage: looking at it takes tens of milliseconds."""
    gc.collect()
    gc.freeze()


def services_without(roles: Collection[Role]) -> frozenset[str]:
    """Services that a process of these roles does not offer."""
    by_role = {Role.QUERY: QUERY_SERVICE, Role.INGEST: INGEST_SERVICE}
    return frozenset(service for role, service in by_role.items() if role not in roles)
