"""The long-running operations that this process can run, by its roles."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from ragstone_server.app.configuration import Configuration
from ragstone_server.app.settings import Role
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.operations.desk import Operations
from ragstone_server.operations.kinds import OperationKind
from ragstone_server.operations.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationKinds:
    """What can be run, by the role that it takes."""

    every: tuple[OperationKind, ...]
    """Of processes of whatever role."""
    ingest: tuple[OperationKind, ...]
    query: tuple[OperationKind, ...]

    def of(self, configuration: Configuration) -> tuple[OperationKind, ...]:
        """Of a process that is configured so."""
        roles = configuration.server.roles
        ingest = self.ingest if Role.INGEST in roles else ()
        return (*self.every, *ingest, *(self.query if Role.QUERY in roles else ()))


async def open_operations(
    configuration: Configuration, catalog: Catalog, kinds: OperationKinds, instance: str, stack: AsyncExitStack
) -> Operations:
    """Begin to run what waits; ended with the stack."""
    store, ours = catalog.store, kinds.of(configuration)
    runner = Runner(store.operations, ours, configuration.operations, catalog.clock, instance, shared=store.shared)
    await stack.enter_async_context(runner.running())
    return Operations(store.operations, runner, catalog.clock)
