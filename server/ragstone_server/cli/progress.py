"""How far an operation is, in one line for people, by its kind."""

from ragstone import Operation
from ragstone.v1 import admin_service_pb2, generation_pb2, ingest_service_pb2, snapshot_pb2


def told(operation: Operation) -> str:
    """Empty where nothing is known of its kind, and before its first step."""
    said = operation.metadata
    if isinstance(said, ingest_service_pb2.PurgeDocumentsMetadata) and (said.examined or operation.done):
        counted = f"{said.deleted} deleted" if said.force else f"{said.matched} matched"
        return f"{counted}, {said.examined} of {said.total} examined"
    if isinstance(said, admin_service_pb2.VerifyMetadata) and (said.collections_total or operation.done):
        repaired = f", {said.findings_repaired} repaired" if said.findings_repaired else ""
        return f"{said.findings} findings{repaired}, {said.collections_done} of {said.collections_total} collections"
    if isinstance(said, generation_pb2.ReindexMetadata) and (said.generation or operation.done):
        return (
            f"generation {said.generation.rpartition('/')[2]}: {said.documents_done} of {said.documents_total} documents, "
            f"{said.passages} passages, {said.embedded} embedded"
        )
    if isinstance(said, generation_pb2.DeleteGenerationMetadata):
        return f"{said.deleted} passages and vectors deleted"
    if isinstance(said, snapshot_pb2.CreateSnapshotMetadata | snapshot_pb2.RestoreSnapshotMetadata) and said.stage:
        stage = snapshot_pb2.SnapshotStage.Name(said.stage).removeprefix("SNAPSHOT_STAGE_").lower()
        return f"{stage}, {100 * said.stage_done // said.stage_total} %" if said.stage_total else stage
    return ""
