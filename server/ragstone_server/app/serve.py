"""The life of the process: open, say where, wait for a signal, drain, close."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TextIO

from ragstone_server.app.application import application
from ragstone_server.app.configuration import Configuration
from ragstone_server.app.listening import checked_address
from ragstone_server.app.settings import Role
from ragstone_server.observe.logs import configure
from ragstone_server.spi.errors import CatalogUnavailable
from ragstone_server.transport.grpc.backend import Backend
from ragstone_server.transport.grpc.refusing import refusing
from ragstone_server.transport.grpc.server import INGEST_SERVICE, QUERY_SERVICE, ListeningServer, listening

logger = logging.getLogger(__name__)

RESTORING = CatalogUnavailable("the catalog is being restored from a snapshot; try again", retry_after_s=1.0)


async def serve(configuration: Configuration, out: TextIO = sys.stdout) -> None:
    """Serve until SIGTERM or SIGINT. The first line on `out` says where, once the server can answer.

    A restore has everything closed and opened again, at the same address: the catalog is replaced in between.
    """
    configure(configuration.server.log_level, configuration.server.log_format)
    address, answered = checked_address(configuration.server.listen), False
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as between:
        while not stopped.is_set():
            due = asyncio.Event()
            async with application(configuration, due.set) as backend:
                await between.aclose()
                async with _listening(configuration, backend, address) as server:
                    _spare_the_collector()
                    if not answered:
                        print(f"listening on {server.address}", file=out, flush=True)
                    address, answered = server.address, True
                    await _first(stopped, due)
                if not stopped.is_set():
                    logger.warning("the server closes and opens again, for the catalog to be replaced")
                    await between.enter_async_context(refusing(address, RESTORING))


def _listening(
    configuration: Configuration, backend: Backend, address: str
) -> AbstractAsyncContextManager[ListeningServer]:
    return listening(
        backend,
        configuration.grpc,
        address,
        max_document_bytes=configuration.ingest.max_document_bytes,
        drain_s=configuration.server.drain_seconds,
        without=services_without(configuration.server.roles),
    )


async def _first(*events: asyncio.Event) -> None:
    """Return when one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _spare_the_collector() -> None:
    """Have what lives as long as the process left out of every collection of garbage: looking at it takes tens of milliseconds."""
    gc.collect()
    gc.freeze()


def services_without(roles: Collection[Role]) -> frozenset[str]:
    """Services that a process of these roles does not offer."""
    by_role = {Role.QUERY: QUERY_SERVICE, Role.INGEST: INGEST_SERVICE}
    return frozenset(service for role, service in by_role.items() if role not in roles)
