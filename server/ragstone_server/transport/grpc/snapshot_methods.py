"""The methods of AdminService about snapshots: convert, call, convert."""

from typing import Any

from google.longrunning import operations_pb2
from grpc import aio

from ragstone.v1 import snapshot_pb2
from ragstone_server.pipelines.create_snapshot import CreateSnapshotRequest
from ragstone_server.pipelines.restore_snapshot import RestoreSnapshotRequest
from ragstone_server.transport.convert.paging import after_token, next_token
from ragstone_server.transport.convert.snapshots import found_to, snapshot_id
from ragstone_server.transport.grpc.backend import Backend
from ragstone_server.transport.grpc.operations_service import operation_to

Context = aio.ServicerContext[Any, Any]
PAGE = 100


class SnapshotMethods:
    """Part of the servicer of AdminService."""

    _backend: Backend

    async def CreateSnapshot(  # noqa: N802 - the contract's name
        self, request: snapshot_pb2.CreateSnapshotRequest, context: Context
    ) -> operations_pb2.Operation:
        """Begin to copy the catalog."""
        wanted = CreateSnapshotRequest(name=request.snapshot_id, description=request.description)
        asked = await self._backend.create_snapshot.asked(wanted)
        return operation_to(await self._backend.operations.begin(asked))

    async def ListSnapshots(  # noqa: N802 - the contract's name
        self, request: snapshot_pb2.ListSnapshotsRequest, context: Context
    ) -> snapshot_pb2.ListSnapshotsResponse:
        """List the snapshots."""
        after, limit = after_token(request.page_token), request.page_size or PAGE
        found, last = await self._backend.snapshots.page(after, limit, verify=request.verify)
        return snapshot_pb2.ListSnapshotsResponse(
            snapshots=map(found_to, found), next_page_token=next_token(last) if last else ""
        )

    async def RestoreSnapshot(  # noqa: N802 - the contract's name
        self, request: snapshot_pb2.RestoreSnapshotRequest, context: Context
    ) -> operations_pb2.Operation:
        """Begin to check a snapshot, and to put it in the place of the catalog."""
        wanted = RestoreSnapshotRequest(name=snapshot_id(request.name), force=request.force)
        asked = await self._backend.restore_snapshot.asked(wanted)
        return operation_to(await self._backend.operations.begin(asked))

    async def DeleteSnapshot(  # noqa: N802 - the contract's name
        self, request: snapshot_pb2.DeleteSnapshotRequest, context: Context
    ) -> snapshot_pb2.DeleteSnapshotResponse:
        """Delete a snapshot."""
        await self._backend.snapshots.delete(snapshot_id(request.name))
        return snapshot_pb2.DeleteSnapshotResponse()
