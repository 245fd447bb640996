"""How far an operation is, in one line."""

from typing import Any

import pytest
from google.longrunning import operations_pb2
from google.protobuf.message import Message

from ragstone.operations import operation_from
from ragstone.v1 import admin_service_pb2, generation_pb2, ingest_service_pb2, operation_pb2, snapshot_pb2
from ragstone_server.cli.progress import told

PURGE = ingest_service_pb2.PurgeDocumentsMetadata
VERIFY = admin_service_pb2.VerifyMetadata
CREATE = snapshot_pb2.CreateSnapshotMetadata
RESTORE = snapshot_pb2.RestoreSnapshotMetadata
COPYING, REPLACING = snapshot_pb2.SNAPSHOT_STAGE_COPYING, snapshot_pb2.SNAPSHOT_STAGE_REPLACING
REINDEX = generation_pb2.ReindexMetadata
GENERATIONS = "tenants/default/collections/default/generations"
COUNTS: dict[str, Any] = {"examined": 40, "total": 90, "matched": 7, "deleted": 5}


@pytest.mark.parametrize(
    ("metadata", "line"),
    [
        (PURGE(**COUNTS), "7 matched, 40 of 90 examined"),
        (PURGE(force=True, **COUNTS), "5 deleted, 40 of 90 examined"),
        (PURGE(), ""),
        (VERIFY(collections_done=1, collections_total=4, findings=2), "2 findings, 1 of 4 collections"),
        (VERIFY(collections_total=4, findings=2, findings_repaired=1), "2 findings, 1 repaired, 0 of 4 collections"),
        (VERIFY(), ""),
        (CREATE(snapshot="snapshots/a", stage=COPYING, stage_done=1, stage_total=3), "copying, 33 %"),
        (RESTORE(stage=REPLACING), "replacing"),
        (RESTORE(snapshot="snapshots/a", force=True), ""),
        (
            REINDEX(generation=f"{GENERATIONS}/3", documents_done=2, documents_total=9, passages=20, embedded=5),
            "generation 3: 2 of 9 documents, 20 passages, 5 embedded",
        ),
        (REINDEX(), ""),
        (generation_pb2.DeleteGenerationMetadata(deleted=7), "7 passages and vectors deleted"),
        (operation_pb2.OperationMetadata(), ""),
    ],
)
def test_a_line_says_how_far_it_is(metadata: Message, line: str) -> None:
    wire = operations_pb2.Operation(name="operations/1")
    wire.metadata.Pack(metadata)
    assert told(operation_from(wire)) == line


def test_an_operation_of_a_newer_server_is_read_as_far_as_it_is_known() -> None:
    wire = operations_pb2.Operation(name="operations/1", done=True)
    wire.metadata.Pack(operation_pb2.OperationMetadata(info=operation_pb2.OperationInfo(kind="new")))
    wire.metadata.type_url = "type.googleapis.com/ragstone.v1.FromTheFuture"
    found = operation_from(wire)
    assert (found.kind, found.metadata, found.state.value) == ("new", None, "unknown")
