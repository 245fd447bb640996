"""Long-running operations, with what each kind says of its progress and its result."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from ragstone.v1 import admin_service_pb2, ingest_service_pb2, operation_pb2
from ragstone_server.indexing.verifying import Problem
from ragstone_server.pipelines.create_snapshot import CREATE_SNAPSHOT
from ragstone_server.pipelines.generations import DELETE_GENERATION
from ragstone_server.pipelines.purge import PURGE
from ragstone_server.pipelines.reindex import REINDEX
from ragstone_server.pipelines.restore_snapshot import RESTORE_SNAPSHOT
from ragstone_server.pipelines.verify import VERIFY
from ragstone_server.spi.errors import InvalidName
from ragstone_server.spi.filters import Filter, matches
from ragstone_server.spi.metadata import Metadata
from ragstone_server.spi.operations import Operation, OperationId, OperationState
from ragstone_server.transport.convert import snapshots
from ragstone_server.transport.convert.generations import (
    deletion_metadata,
    deletion_response,
    reindex_metadata,
    reindex_response,
)
from ragstone_server.transport.convert.metadata import timestamp

STATES = {
    OperationState.WAITING: operation_pb2.OPERATION_STATE_WAITING,
    OperationState.RUNNING: operation_pb2.OPERATION_STATE_RUNNING,
    OperationState.SUCCEEDED: operation_pb2.OPERATION_STATE_SUCCEEDED,
    OperationState.FAILED: operation_pb2.OPERATION_STATE_FAILED,
    OperationState.CANCELLED: operation_pb2.OPERATION_STATE_CANCELLED,
}
_NAME = re.compile(r"operations/([1-9][0-9]{0,17})")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindMessages:
    """The messages of one kind of operation."""

    metadata: Callable[[operation_pb2.OperationInfo, Values, Values], Message]
    """From what every operation says, its parameters and its progress, which is empty before the first step."""
    response: Callable[[Values], Message]
    """From its result."""


def _purge_metadata(info: operation_pb2.OperationInfo, parameters: Values, progress: Values) -> Message:
    counts = ("examined", "matched", "deleted", "skipped", "total")
    return ingest_service_pb2.PurgeDocumentsMetadata(
        info=info,
        parent=parameters["collection"],
        filter=parameters["filter"],
        force=parameters["force"],
        **{count: progress.get(count, 0) for count in counts},
    )


def _purge_response(result: Values) -> Message:
    return ingest_service_pb2.PurgeDocumentsResponse(**result)


_PROBLEMS = {
    Problem.MISSING: admin_service_pb2.VIEW_PROBLEM_MISSING,
    Problem.UNEXPECTED: admin_service_pb2.VIEW_PROBLEM_UNEXPECTED,
    Problem.DUPLICATE: admin_service_pb2.VIEW_PROBLEM_DUPLICATE,
    Problem.DIFFERENT: admin_service_pb2.VIEW_PROBLEM_DIFFERENT,
    Problem.ATTRIBUTES_DIFFER: admin_service_pb2.VIEW_PROBLEM_ATTRIBUTES_DIFFER,
    Problem.DAMAGED: admin_service_pb2.VIEW_PROBLEM_DAMAGED,
    Problem.BEHIND: admin_service_pb2.VIEW_PROBLEM_BEHIND,
}


def _verify_metadata(info: operation_pb2.OperationInfo, parameters: Values, progress: Values) -> Message:
    return admin_service_pb2.VerifyMetadata(
        info=info,
        collections=parameters["collections"],
        repair=parameters["repair"],
        collections_done=progress.get("done", 0),
        collections_total=len(progress.get("collections", ())),
        views=progress.get("verified", 0),
        findings=progress.get("found", 0),
        findings_repaired=progress.get("repaired", 0),
    )


def _verify_response(result: Values) -> Message:
    return admin_service_pb2.VerifyResponse(
        collections=result["collections"],
        views=result["verified"],
        passages=result["passages"],
        finding_count=result["found"],
        findings_repaired=result["repaired"],
        findings=[
            admin_service_pb2.ViewFinding(**{**each, "problem": _PROBLEMS[Problem(each["problem"])]})
            for each in result["findings"]
        ],
    )


MESSAGES: Mapping[str, KindMessages] = {
    PURGE: KindMessages(metadata=_purge_metadata, response=_purge_response),
    VERIFY: KindMessages(metadata=_verify_metadata, response=_verify_response),
    REINDEX: KindMessages(metadata=reindex_metadata, response=reindex_response),
    DELETE_GENERATION: KindMessages(metadata=deletion_metadata, response=deletion_response),
    CREATE_SNAPSHOT: KindMessages(metadata=snapshots.create_metadata, response=snapshots.create_response),
    RESTORE_SNAPSHOT: KindMessages(metadata=snapshots.restore_metadata, response=snapshots.restore_response),
}
"""By kind."""


def operation_name(operation: OperationId) -> str:
    """Its resource name."""
    return f"operations/{operation}"


def parse_operation(text: str) -> OperationId:
    """Read `operations/ID`. Raises `InvalidName`."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise InvalidName(f"{text[:80]!r} is not of the form operations/NUMBER", metadata={"name": text})
    return OperationId(int(match[1]))


def metadata_to(operation: Operation) -> Message:
    """What it says of itself: a message of its kind."""
    info = operation_pb2.OperationInfo(
        kind=operation.new.kind,
        state=STATES[operation.state],
        cancel_requested=operation.cancel_requested,
        create_time=timestamp(operation.created),
        update_time=timestamp(operation.updated),
        collection=operation.new.collection,
        runner=operation.runner,
    )
    messages = MESSAGES.get(operation.new.kind)
    if messages is None:
        return operation_pb2.OperationMetadata(info=info)
    progress = json.loads(operation.progress) if operation.progress else {}
    return messages.metadata(info, json.loads(operation.new.parameters), progress)


def response_to(operation: Operation) -> Message:
    """Its result; a message of its kind."""
    messages = MESSAGES.get(operation.new.kind)
    if messages is None:
        return operation_pb2.OperationMetadata()
    return messages.response(json.loads(operation.result))


def passes(filter_: Filter | None, operation: Operation) -> bool:
    """Whether a list with this filter has it. Its fields are `done`, `kind`, `state` and `collection`."""
    fields: Metadata = {
        "done": operation.done,
        "kind": operation.new.kind,
        "state": operation.state.value,
        "collection": operation.new.collection,
    }
    return filter_ is None or matches(filter_, fields)
