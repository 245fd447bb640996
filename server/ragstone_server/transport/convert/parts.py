"""What several messages have in them."""

from ragstone.v1 import evidence_pb2, query_service_pb2
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.wrappers.fallible import Degradation


def range_to(span: ByteRange) -> evidence_pb2.ByteRange:
    """A part of a text."""
    return evidence_pb2.ByteRange(start=span.start, end=span.end)


def degraded_to(degradation: Degradation) -> query_service_pb2.Degraded:
    """A stage that was skipped or replaced."""
    return query_service_pb2.Degraded(stage=degradation.stage, reason=degradation.reason)
