"""Snapshots, and what operations say that make and restore them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ragstone.v1 import operation_pb2, snapshot_pb2
from ragstone_server.catalog.snapshot_folder import FoundSnapshot
from ragstone_server.pipelines.create_snapshot import result_of
from ragstone_server.spi.snapshots import SnapshotStage
from ragstone_server.transport.convert.metadata import timestamp

Values = Mapping[str, Any]

STAGES = {
    SnapshotStage.COPYING: snapshot_pb2.SNAPSHOT_STAGE_COPYING,
    SnapshotStage.CHECKING: snapshot_pb2.SNAPSHOT_STAGE_CHECKING,
    SnapshotStage.READING: snapshot_pb2.SNAPSHOT_STAGE_READING,
    SnapshotStage.MIGRATING: snapshot_pb2.SNAPSHOT_STAGE_MIGRATING,
    SnapshotStage.COMPARING: snapshot_pb2.SNAPSHOT_STAGE_COMPARING,
    SnapshotStage.REPLACING: snapshot_pb2.SNAPSHOT_STAGE_REPLACING,
}
_PREFIX = "snapshots/"


def snapshot_name(name: str) -> str:
    """Its resource name."""
    return f"{_PREFIX}{name}"


def snapshot_id(resource: str) -> str:
    """Its name in the folder; that it is one was checked with the request."""
    return resource.removeprefix(_PREFIX)


def found_to(found: FoundSnapshot) -> snapshot_pb2.Snapshot:
    """A snapshot as it lies there."""
    wire = snapshot_pb2.Snapshot() if found.manifest is None else _snapshot(result_of(found.manifest))
    wire.name = snapshot_name(found.name)
    wire.state = snapshot_pb2.SNAPSHOT_STATE_DAMAGED if found.problem else snapshot_pb2.SNAPSHOT_STATE_COMPLETE
    wire.problem, wire.verified = found.problem, found.verified
    return wire


def create_metadata(
    info: operation_pb2.OperationInfo, parameters: Values, progress: Values
) -> snapshot_pb2.CreateSnapshotMetadata:
    """How far the making is."""
    return snapshot_pb2.CreateSnapshotMetadata(info=info, snapshot=snapshot_name(parameters["name"]), **_at(progress))


def create_response(result: Values) -> snapshot_pb2.CreateSnapshotResponse:
    """What was made."""
    wire = _snapshot(result)
    wire.state = snapshot_pb2.SNAPSHOT_STATE_COMPLETE
    return snapshot_pb2.CreateSnapshotResponse(snapshot=wire)


def restore_metadata(
    info: operation_pb2.OperationInfo, parameters: Values, progress: Values
) -> snapshot_pb2.RestoreSnapshotMetadata:
    """How far the restore is."""
    return snapshot_pb2.RestoreSnapshotMetadata(
        info=info, snapshot=snapshot_name(parameters["name"]), force=parameters["force"], **_at(progress)
    )


def restore_response(result: Values) -> snapshot_pb2.RestoreSnapshotResponse:
    """What it did, or would do."""
    return snapshot_pb2.RestoreSnapshotResponse(
        snapshot=snapshot_name(result["name"]),
        force=result["force"],
        documents_lost=result["lost"],
        documents_returning=result["returning"],
        document_count=result["documents"],
        differences=[
            snapshot_pb2.SnapshotDifference(
                collection=each["name"], lost=each["lost"], returning=each["returning"], missing=each["missing"]
            )
            for each in result["differences"]
        ],
        difference_count=result["differing"],
        schema=result["schema"],
        migrated_schema=result["migrated_to"],
        former_catalog=result["kept"] if result["force"] else "",
    )


def _snapshot(result: Values) -> snapshot_pb2.Snapshot:
    return snapshot_pb2.Snapshot(
        name=snapshot_name(result["name"]),
        description=result["description"],
        create_time=timestamp(datetime.fromisoformat(result["created"])),
        version=result["version"],
        schema=result["schema"],
        epoch=result["epoch"],
        size_bytes=result["size_bytes"],
        collection_count=result["collections"],
        document_count=result["documents"],
        passage_count=result["passages"],
    )


def _at(progress: Values) -> dict[str, Any]:
    if "stage" not in progress:
        return {}
    return {
        "stage": STAGES[SnapshotStage(progress["stage"])],
        "stage_done": progress.get("done", 0),
        "stage_total": progress.get("total", 0),
    }
