"""Puts the parts of an Ingest stream together."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ragstone.v1 import ingest_service_pb2
from ragstone_server.spi.errors import DocumentTooLarge, InvalidRequest, RequestError, UploadIncomplete
from ragstone_server.transport.convert.validation import validate
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.holding import StreamHolding


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """What a stream may ask for."""

    document_bytes: int
    """Largest document."""
    stall_s: float
    """Longest wait for the next part of a document that was begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One whole step of a producer."""

    sequence: int
    header: ingest_service_pb2.DocumentHeader | None = None
    content: bytes | str = b""
    deletion: ingest_service_pb2.DocumentDeletion | None = None
    failure: RequestError | None = None
    """The step breaks a rule; its bytes were not kept."""
    held: int = 0
    """Bytes to give back to the stream's holding when the step is done."""


async def arrivals(
    requests: AsyncIterator[ingest_service_pb2.IngestRequest],
    limits: UploadLimits,
    holding: StreamHolding,
    drain: Drain,
) -> AsyncIterator[Arrived]:
    """Documents and deletions, each when it is complete; one that breaks a rule arrives as a failure of its own.

    Raises `UploadIncomplete` where parts and headers do not alternate as the contract says, where no part comes for too
    long, and where the stream ends in the middle of a document; `InvalidRequest` for a part that breaks a rule;
    `ShuttingDown` where the server ends.
    """
    pending: _Pending | None = None
    try:
        while (request := await _next(requests, pending, limits, drain)) is not None:
            action = request.WhichOneof("action")
            if action == "part":
                if pending is None:
                    raise UploadIncomplete("a part came without a header that announces its bytes")
                validate(request)
                if pending.add(request.part.data):
                    whole, pending = pending.arrived(), None
                    yield whole
                continue
            if pending is not None:
                raise UploadIncomplete(f"document {pending.sequence} lacks {pending.missing} of its bytes")
            failure = _failure(request, limits)
            if request.header.size_bytes > 0:
                pending = _Pending(request, failure)
                await holding.take(pending.held)
            elif failure is not None:
                yield Arrived(sequence=request.sequence, failure=failure)
            elif action == "deletion":
                yield Arrived(sequence=request.sequence, deletion=request.deletion)
            else:
                content = request.header.text if request.header.HasField("text") else request.header.inline
                await holding.take(len(content))
                yield Arrived(sequence=request.sequence, header=request.header, content=content, held=len(content))
    finally:
        if pending is not None:
            pending.drop()


async def _next(
    requests: AsyncIterator[ingest_service_pb2.IngestRequest],
    pending: "_Pending | None",
    limits: UploadLimits,
    drain: Drain,
) -> ingest_service_pb2.IngestRequest | None:
    """The next message; None at the end of the stream."""
    try:
        request = await drain.read(lambda: anext(requests, None), limits.stall_s if pending else None)
    except TimeoutError:
        assert pending is not None
        raise UploadIncomplete(f"no part of document {pending.sequence} came for {limits.stall_s:g} seconds") from None
    if request is None and pending is not None:
        raise UploadIncomplete(
            f"the stream ended, and document {pending.sequence} lacks {pending.missing} of its bytes"
        )
    return request


def _failure(request: ingest_service_pb2.IngestRequest, limits: UploadLimits) -> RequestError | None:
    try:
        validate(request)
    except InvalidRequest as error:
        return error
    size = request.header.size_bytes
    if size > limits.document_bytes:
        return DocumentTooLarge(
            f"the document has {size} bytes, and the limit is {limits.document_bytes}",
            metadata={"limit_bytes": str(limits.document_bytes)},
        )
    return None


class _Pending:
    """A document whose parts are coming. One that has failed already is counted to its end and not kept."""

    def __init__(self, request: ingest_service_pb2.IngestRequest, failure: RequestError | None) -> None:
        self.sequence = request.sequence
        self.missing = request.header.size_bytes
        self.held = 0 if failure else request.header.size_bytes
        self._header = request.header
        self._failure = failure
        self._parts: list[bytes] = []

    def add(self, data: bytes) -> bool:
        """Whether the document is complete with these bytes."""
        self.missing -= len(data)
        if self.missing < 0:
            raise UploadIncomplete(f"document {self.sequence} has more bytes than its header announced")
        if self._failure is None:
            self._parts.append(data)
        return not self.missing

    def drop(self) -> None:
        """Free the bytes at once: the traceback of what ended the stream would keep them."""
        self._parts.clear()

    def arrived(self) -> Arrived:
        if self._failure is not None:
            return Arrived(sequence=self.sequence, failure=self._failure)
        content = b"".join(self._parts)
        return Arrived(sequence=self.sequence, header=self._header, content=content, held=self.held)
