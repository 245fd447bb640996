"""Snapshots of the catalog: the messages of the contract, with typed errors."""

from collections.abc import Iterator

from ragstone.dead_letters import Call
from ragstone.operations import Operation, operation_from
from ragstone.v1 import admin_service_pb2_grpc, snapshot_pb2


class Snapshots:
    """Calls of AdminService about snapshots. One is named by its id or as `snapshots/ID`."""

    def __init__(self, stub: admin_service_pb2_grpc.AdminServiceStub, call: Call) -> None:
        self._stub = stub
        self._call = call

    def create(self, snapshot: str = "", *, description: str = "") -> Operation:
        """Begin to copy the catalog, while the server goes on; without a name the snapshot is named by the time.

        Returns when that is begun; `client.operations.wait` gives the end, whose `result()` is a `CreateSnapshotResponse`.
        """
        request = snapshot_pb2.CreateSnapshotRequest(
            snapshot_id=snapshot.removeprefix(_PREFIX), description=description
        )
        return operation_from(self._call(self._stub.CreateSnapshot, request))

    def list(self, *, verify: bool = False, timeout: float | None = None) -> Iterator[snapshot_pb2.Snapshot]:
        """All of them, in the order of their names, page by page; with `verify` their checksums are compared."""
        # Reading takes long: a snapshot at a time has the deadline to itself.
        request = snapshot_pb2.ListSnapshotsRequest(verify=verify, page_size=1 if verify else 0)
        while True:
            response: snapshot_pb2.ListSnapshotsResponse = self._call(self._stub.ListSnapshots, request, timeout)
            yield from response.snapshots
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def restore(self, snapshot: str, *, force: bool = False) -> Operation:
        """Begin to check a snapshot, and with `force` to put it in the place of the catalog.

        Without `force` nothing is replaced, and the result says what would be lost. Returns when that is begun;
        `client.operations.wait` gives the end, whose `result()` is a `RestoreSnapshotResponse`. For an instant the server
        refuses calls with `Unavailable`. Watermarks that it gave before are refused afterwards.
        """
        request = snapshot_pb2.RestoreSnapshotRequest(name=snapshot_name(snapshot), force=force)
        return operation_from(self._call(self._stub.RestoreSnapshot, request))

    def delete(self, snapshot: str) -> None:
        """Delete a snapshot."""
        self._call(self._stub.DeleteSnapshot, snapshot_pb2.DeleteSnapshotRequest(name=snapshot_name(snapshot)))


_PREFIX = "snapshots/"


def snapshot_name(snapshot: str) -> str:
    """Its resource name."""
    return _PREFIX + snapshot.removeprefix(_PREFIX)
