"""The long-running operations that this process can run, by its roles."""

from collections.abc import Iterable
from contextlib import AsyncExitStack

from ragstone_server.app.configuration import Configuration
from ragstone_server.app.settings import Role
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.operations.desk import Operations
from ragstone_server.operations.kinds import OperationKind
from ragstone_server.operations.runner import Runner


async def open_operations(
    configuration: Configuration,
    catalog: Catalog,
    of_ingest: Iterable[OperationKind],
    of_query: Iterable[OperationKind],
    instance: str,
    stack: AsyncExitStack,
) -> Operations:
    """Begin to run what waits, of the kinds of the roles that this process has; ended with the stack."""
    store, roles = catalog.store, configuration.server.roles
    kinds = (*(of_ingest if Role.INGEST in roles else ()), *(of_query if Role.QUERY in roles else ()))
    runner = Runner(store.operations, kinds, configuration.operations, catalog.clock, instance, shared=store.shared)
    await stack.enter_async_context(runner.running())
    return Operations(store.operations, runner, catalog.clock)
