"""Puts a snapshot in the place of the catalog, once all of it is checked; without force it only tells what would change."""

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass

from ragstone_server.operations.kinds import OperationKind, Run, Values
from ragstone_server.pipelines.snapshots import Snapshots, space_reported
from ragstone_server.pipelines.watching import followed
from ragstone_server.spi.operations import NewOperation
from ragstone_server.spi.snapshots import CatalogFacts, CollectionDifference, DueRestore, SnapshotStage

RESTORE_SNAPSHOT = "restore-snapshot"
MOST_DIFFERENCES = 100
"""Collections that are named; further ones are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSnapshotRequest:
    """Which snapshot is to take the place of the catalog."""

    name: str
    """Without `snapshots/`."""
    force: bool
    """Whether the catalog is replaced; otherwise the snapshot is only checked and compared."""


class RestoreSnapshot:
    """The catalog is replaced between a closing of all stores and their opening, where nobody has a part of the former one.

    So the operation goes on in the restored catalog, which has its row: it finds the epoch that it gave it, and is done.
    """

    def __init__(self, snapshots: Snapshots, epoch: str, reopen: Callable[[], None]) -> None:
        """`epoch` is the catalog's; `reopen` has this process close everything, and open it again."""
        self._snapshots = snapshots
        self._epoch = epoch
        self._reopen = reopen

    @property
    def kind(self) -> OperationKind:
        """For the runner."""
        return OperationKind(name=RESTORE_SNAPSHOT, work=self)

    async def asked(self, request: RestoreSnapshotRequest) -> NewOperation:
        """The operation to begin. Raises what reading a snapshot does, `SnapshotsUnsupported`, `SnapshotNoSpace`."""
        store = self._snapshots.supported()
        manifest = await asyncio.to_thread(self._snapshots.folder.read, request.name)
        self._snapshots.check_space(store.file.parent, manifest.size_bytes)
        parameters = {"id": uuid.uuid4().hex, "name": request.name, "force": request.force}
        return NewOperation(kind=RESTORE_SNAPSHOT, parameters=json.dumps(parameters), runs_on=self._snapshots.instance)

    async def __call__(self, run: Run) -> Values:
        """Check, prepare, compare; then have it replaced."""
        progress = run.progress
        if progress.get("epoch") == self._epoch:
            result: Values = progress["result"]
            return result
        store = self._snapshots.supported()
        async with self._snapshots.alone(run):
            try:
                result = await self._prepared(run)
                if not run.parameters["force"]:
                    return result
                await run.step({"stage": SnapshotStage.REPLACING.value, "epoch": result["epoch"], "result": result})
                due = DueRestore(
                    operation=run.parameters["id"],
                    snapshot=f"snapshots/{run.parameters['name']}",
                    kept=result["kept"],
                )
                with space_reported():
                    await asyncio.to_thread(store.due, due)
            finally:
                await asyncio.to_thread(store.discard)
            self._reopen()
            await asyncio.get_running_loop().create_future()  # until the process closes
            raise AssertionError

    async def _prepared(self, run: Run) -> Values:
        """What would change."""
        store, folder, name = self._snapshots.supported(), self._snapshots.folder, run.parameters["name"]
        directory = store.file.parent
        with space_reported():
            manifest = await followed(
                run, {}, self._snapshots.watched(directory), lambda watch: folder.check(name, watch)
            )
            self._snapshots.check_space(directory, manifest.size_bytes)
            facts = await followed(
                run,
                {},
                self._snapshots.watched(directory),
                lambda watch: store.prepare(folder.catalog_of(name), watch),
            )
            differences = await followed(run, {}, self._snapshots.watched(directory), store.compare)
        stamp = self._snapshots.clock.now().strftime("%Y%m%d-%H%M%S")
        return {
            "name": name,
            "force": run.parameters["force"],
            "kept": f"{store.file.name}.before-restore-{stamp}-{run.parameters['id'][:8]}",
            "schema": manifest.facts.schema,
            **_told(facts, differences),
        }


def _told(facts: CatalogFacts, differences: tuple[CollectionDifference, ...]) -> Values:
    return {
        "epoch": facts.epoch,
        "migrated_to": facts.schema,
        "documents": sum(each.documents for each in facts.collections),
        "lost": sum(each.lost for each in differences),
        "returning": sum(each.returning for each in differences),
        "differing": len(differences),
        "differences": [asdict(each) for each in differences[:MOST_DIFFERENCES]],
    }
