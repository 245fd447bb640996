"""Puts the parts of an Ingest stream together."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ragstone.v1 import ingest_service_pb2
from ragstone_server.spi.errors import DocumentTooLarge, UploadIncomplete


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One whole step of a producer."""

    sequence: int
    header: ingest_service_pb2.DocumentHeader | None = None
    content: bytes | str = b""
    deletion: ingest_service_pb2.DocumentDeletion | None = None
    failure: DocumentTooLarge | None = None
    """The document was too large; its bytes were not kept."""


async def arrivals(
    requests: AsyncIterator[ingest_service_pb2.IngestRequest], max_document_bytes: int
) -> AsyncIterator[Arrived]:
    """Documents and deletions, each when it is complete.

    Raises `UploadIncomplete` where parts and headers do not alternate as the contract says, and where the stream ends in the
    middle of a document.
    """
    pending: _Pending | None = None
    async for request in requests:
        action = request.WhichOneof("action")
        if action == "part":
            if pending is None:
                raise UploadIncomplete("a part came without a header that announces its bytes")
            arrived = pending.add(request.part.data)
            if arrived is not None:
                pending = None
                yield arrived
            continue
        if pending is not None:
            raise UploadIncomplete(f"document {pending.sequence} lacks {pending.missing} of its bytes")
        if action == "deletion":
            yield Arrived(sequence=request.sequence, deletion=request.deletion)
        elif request.header.WhichOneof("content") == "size_bytes":
            pending = _Pending(request, max_document_bytes)
        else:
            content = request.header.text if request.header.HasField("text") else request.header.inline
            yield Arrived(sequence=request.sequence, header=request.header, content=content)
    if pending is not None:
        raise UploadIncomplete(
            f"the stream ended, and document {pending.sequence} lacks {pending.missing} of its bytes"
        )


class _Pending:
    """A document whose parts are coming. One that is too large is counted to its end and not kept."""

    def __init__(self, request: ingest_service_pb2.IngestRequest, limit: int) -> None:
        self.sequence = request.sequence
        self._header = request.header
        self._limit = limit
        self._parts: list[bytes] = []
        self.missing = request.header.size_bytes

    def add(self, data: bytes) -> Arrived | None:
        self.missing -= len(data)
        if self.missing < 0:
            raise UploadIncomplete(f"document {self.sequence} has more bytes than its header announced")
        too_large = self._header.size_bytes > self._limit
        if not too_large:
            self._parts.append(data)
        if self.missing:
            return None
        failure = (
            DocumentTooLarge(
                f"the document has {self._header.size_bytes} bytes, and the limit is {self._limit}",
                metadata={"limit_bytes": str(self._limit)},
            )
            if too_large
            else None
        )
        content = b"".join(self._parts)
        return Arrived(sequence=self.sequence, header=self._header, content=content, failure=failure)
