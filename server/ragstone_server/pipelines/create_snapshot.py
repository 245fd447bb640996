"""Makes a snapshot of the catalog while it is in use. One that was interrupted is begun anew."""

import asyncio
import json
import shutil
import uuid
from dataclasses import dataclass

from ragstone_server.catalog.snapshot_folder import taken
from ragstone_server.catalog.snapshot_manifest import CATALOG, SnapshotManifest, sha256_of
from ragstone_server.operations.kinds import OperationKind, Run, Values
from ragstone_server.pipelines.snapshots import Snapshots, space_reported
from ragstone_server.pipelines.watching import followed
from ragstone_server.spi.errors import SnapshotDamaged, SnapshotIncompatible, SnapshotNotFound
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.operations import NewOperation
from ragstone_server.spi.snapshots import Watch

CREATE_SNAPSHOT = "create-snapshot"
NAMED_BY_TIME = "%Y%m%d-%H%M%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSnapshotRequest:
    """What is to be made."""

    name: str
    """Without `snapshots/`; empty: the time, as in 20260102-030405."""
    description: str


class CreateSnapshot:
    """The views are not copied: they are built anew from the catalog, which has their vectors."""

    def __init__(self, snapshots: Snapshots, version: str) -> None:
        """`version` is that of Ragstone."""
        self._snapshots = snapshots
        self._version = version

    @property
    def kind(self) -> OperationKind:
        """For the runner."""
        return OperationKind(name=CREATE_SNAPSHOT, work=self)

    async def asked(self, request: CreateSnapshotRequest) -> NewOperation:
        """The operation to begin. Raises `SnapshotsUnsupported`, `SnapshotAlreadyExists`, `SnapshotNoSpace`."""
        store, folder = self._snapshots.supported(), self._snapshots.folder
        name = request.name or self._snapshots.clock.now().strftime(NAMED_BY_TIME)
        if await asyncio.to_thread(folder.has, name):
            raise taken(name)
        self._snapshots.check_space(folder.directory, await asyncio.to_thread(store.size))
        parameters = {"id": uuid.uuid4().hex, "name": name, "description": request.description}
        return NewOperation(kind=CREATE_SNAPSHOT, parameters=json.dumps(parameters), runs_on=self._snapshots.instance)

    async def __call__(self, run: Run) -> Values:
        """Copy, check, read for the checksum, and give it its name."""
        parameters, folder = run.parameters, self._snapshots.folder
        async with self._snapshots.alone(run):
            manifest = await asyncio.to_thread(self._made, parameters)
            if manifest is None:
                watched = self._snapshots.watched(folder.directory)
                with space_reported():
                    manifest = await followed(run, {}, watched, lambda watch: self._make(parameters, watch))
        return result_of(manifest)

    def _made(self, parameters: Values) -> SnapshotManifest | None:
        """What this operation had made before a crash. Raises `SnapshotAlreadyExists`."""
        try:
            found = self._snapshots.folder.read(parameters["name"])
        except SnapshotNotFound:
            return None
        except (SnapshotDamaged, SnapshotIncompatible) as error:
            raise taken(parameters["name"]) from error
        if found.id != parameters["id"]:
            raise taken(parameters["name"])
        return found

    def _make(self, parameters: Values, watch: Watch) -> SnapshotManifest:
        store, folder = self._snapshots.supported(), self._snapshots.folder
        making = folder.begin(parameters["name"])
        try:
            self._snapshots.check_space(folder.directory, store.size())
            reach(FailPoint.SNAPSHOT_BEFORE_COPY)
            created = self._snapshots.clock.now()
            copy = making / CATALOG
            facts = store.copy(copy, watch)
            manifest = SnapshotManifest(
                id=parameters["id"],
                name=parameters["name"],
                description=parameters["description"],
                created=created,
                version=self._version,
                size_bytes=copy.stat().st_size,
                sha256=sha256_of(copy, watch),
                facts=facts,
            )
            folder.publish(making, manifest)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        return manifest


def result_of(manifest: SnapshotManifest) -> Values:
    """What is told of a snapshot."""
    return {
        "name": manifest.name,
        "description": manifest.description,
        "created": manifest.created.isoformat(),
        "version": manifest.version,
        "schema": manifest.facts.schema,
        "epoch": manifest.facts.epoch,
        "size_bytes": manifest.size_bytes,
        "collections": len(manifest.facts.collections),
        "documents": manifest.documents,
        "passages": manifest.passages,
    }
