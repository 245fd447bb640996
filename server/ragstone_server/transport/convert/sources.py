"""How far sources of documents are applied, for operators."""

from ragstone.v1 import admin_service_pb2
from ragstone_server.spi.sources import SourceState, SourceStatus
from ragstone_server.transport.convert.metadata import timestamp

_STATES = {
    SourceState.STARTING: admin_service_pb2.SOURCE_STATE_STARTING,
    SourceState.RUNNING: admin_service_pb2.SOURCE_STATE_RUNNING,
    SourceState.WAITING: admin_service_pb2.SOURCE_STATE_WAITING,
    SourceState.PAUSED: admin_service_pb2.SOURCE_STATE_PAUSED,
    SourceState.STOPPED: admin_service_pb2.SOURCE_STATE_STOPPED,
}


def source_to(status: SourceStatus) -> admin_service_pb2.SourceStatus:
    """How a source does."""
    return admin_service_pb2.SourceStatus(
        name=status.name,
        state=_STATES[status.state],
        detail=status.detail,
        position=status.position,
        end=status.end,
        lag=status.lag,
        applied_until=None if status.applied_until is None else timestamp(status.applied_until),
        pending=status.pending,
    )
