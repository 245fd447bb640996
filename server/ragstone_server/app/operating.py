"""The long-running operations that this process can run, by its roles."""

from collections.abc import Iterator
from contextlib import AsyncExitStack

from ragstone_server.app.configuration import Configuration
from ragstone_server.app.settings import Role
from ragstone_server.app.snapshotting import SnapshotWork
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.operations.desk import Operations
from ragstone_server.operations.kinds import OperationKind
from ragstone_server.operations.runner import Runner
from ragstone_server.pipelines.purge import PurgeDocuments
from ragstone_server.pipelines.verify import VerifyViews


async def open_operations(
    configuration: Configuration,
    catalog: Catalog,
    purge: PurgeDocuments,
    verify: VerifyViews,
    snapshots: SnapshotWork,
    instance: str,
    stack: AsyncExitStack,
) -> Operations:
    """Begin to run what waits; ended with the stack."""
    store = catalog.store
    kinds = tuple(_kinds(configuration, purge, verify, snapshots))
    runner = Runner(store.operations, kinds, configuration.operations, catalog.clock, instance, shared=store.shared)
    await stack.enter_async_context(runner.running())
    return Operations(store.operations, runner, catalog.clock)


def _kinds(
    configuration: Configuration, purge: PurgeDocuments, verify: VerifyViews, snapshots: SnapshotWork
) -> Iterator[OperationKind]:
    if Role.INGEST in configuration.server.roles:
        yield purge.kind
    if Role.QUERY in configuration.server.roles:
        yield verify.kind
    yield snapshots.create.kind
    yield snapshots.restore.kind
