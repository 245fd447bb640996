"""IngestService: convert, call, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from google.longrunning import operations_pb2
from grpc import aio

from ragstone.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from ragstone_server.catalog.writes import WriteReceipt
from ragstone_server.pipelines.purge import PurgeRequest
from ragstone_server.spi.catalog_store import DefaultReaders, DocumentRecord
from ragstone_server.spi.errors import DocumentNotFound
from ragstone_server.spi.names import CollectionName, DocumentName
from ragstone_server.spi.visibility import Visibility
from ragstone_server.transport.convert.documents import OUTCOMES, document_to, upload_from
from ragstone_server.transport.convert.filters import parse_filter
from ragstone_server.transport.convert.paging import after_token, next_token
from ragstone_server.transport.grpc.backend import Backend
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.holding import Holding
from ragstone_server.transport.grpc.identity import DEVELOPER
from ragstone_server.transport.grpc.ingest_stream import acknowledged
from ragstone_server.transport.grpc.operations_service import operation_to
from ragstone_server.transport.grpc.settings import GrpcSettings
from ragstone_server.transport.grpc.uploads import Arrived, UploadLimits, arrivals

Context = aio.ServicerContext[Any, Any]
PAGE = 100


class IngestServicer(ingest_service_pb2_grpc.IngestServiceServicer):
    """Documents in, out and away."""

    def __init__(self, backend: Backend, settings: GrpcSettings, drain: Drain, max_document_bytes: int) -> None:
        self._backend = backend
        self._at_once = settings.max_stream_documents
        self._drain = drain
        self._limits = UploadLimits(document_bytes=max_document_bytes, stall_s=settings.stalled_upload_seconds)
        self._holding = Holding(settings.max_stream_bytes)

    async def Ingest(  # noqa: N802 - the contract's name
        self, requests: AsyncIterator[ingest_service_pb2.IngestRequest], context: Context
    ) -> AsyncIterator[ingest_service_pb2.IngestResponse]:
        """Store many documents."""
        async with self._holding.stream() as held:
            arriving = arrivals(requests, self._limits, held, self._drain)
            async with aclosing(acknowledged(arriving, self._work, self._at_once, held)) as responses:
                async for response in responses:
                    yield response

    async def UpsertDocument(  # noqa: N802 - the contract's name
        self, request: ingest_service_pb2.UpsertDocumentRequest, context: Context
    ) -> ingest_service_pb2.UpsertDocumentResponse:
        """Store a new version of a document."""
        content = request.text if request.HasField("text") else request.data
        version = request.version if request.HasField("version") else None
        receipt = await self._backend.ingest(
            upload_from(DocumentName.parse(request.name), version, request.fields, content)
        )
        return ingest_service_pb2.UpsertDocumentResponse(
            outcome=OUTCOMES[receipt.outcome], version=receipt.version, watermark=str(receipt.watermark)
        )

    async def DeleteDocument(  # noqa: N802 - the contract's name
        self, request: ingest_service_pb2.DeleteDocumentRequest, context: Context
    ) -> ingest_service_pb2.DeleteDocumentResponse:
        """Delete a document."""
        version = request.version if request.HasField("version") else None
        receipt = await self._delete(request.name, version)
        return ingest_service_pb2.DeleteDocumentResponse(version=receipt.version, watermark=str(receipt.watermark))

    async def GetDocument(  # noqa: N802 - the contract's name
        self, request: ingest_service_pb2.GetDocumentRequest, context: Context
    ) -> ingest_service_pb2.GetDocumentResponse:
        """Read a document's fields."""
        name = DocumentName.parse(request.name)
        collection = await self._backend.catalog.collection(name.collection)
        record = await self._backend.catalog.store.document(collection.key, name.document)
        visibility = _visibility(collection.settings.default_readers)
        if record is None or not visibility.allows(record.fields.attributes):
            raise DocumentNotFound(
                f"there is no document {name.document!r} in {name.collection}", metadata={"document": name.document}
            )
        return ingest_service_pb2.GetDocumentResponse(document=document_to(name.collection, record))

    async def ListDocuments(  # noqa: N802 - the contract's name
        self, request: ingest_service_pb2.ListDocumentsRequest, context: Context
    ) -> ingest_service_pb2.ListDocumentsResponse:
        """List the documents of a collection."""
        name = CollectionName.parse(request.parent)
        collection = await self._backend.catalog.collection(name)
        limit = request.page_size or PAGE
        visibility = Visibility(
            principals=DEVELOPER.principals,
            default_readable=collection.settings.default_readers is DefaultReaders.TENANT,
            filter=parse_filter(request.filter),
        )
        page: list[DocumentRecord] = []
        after = after_token(request.page_token)
        while len(page) <= limit:
            records = await self._backend.catalog.store.documents(collection.key, after, limit + 1)
            if not records:
                break
            after = records[-1].document
            page += [record for record in records if visibility.allows(record.fields.attributes)]
        return ingest_service_pb2.ListDocumentsResponse(
            documents=[document_to(name, record) for record in page[:limit]],
            next_page_token=next_token(page[limit - 1].document) if len(page) > limit else "",
        )

    async def PurgeDocuments(  # noqa: N802 - the contract's name
        self, request: ingest_service_pb2.PurgeDocumentsRequest, context: Context
    ) -> operations_pb2.Operation:
        """Begin to delete the documents that pass a filter, or to count them."""
        asked = await self._backend.purge.asked(
            PurgeRequest(
                collection=CollectionName.parse(request.parent),
                filter=request.filter,
                force=request.force,
                principals=DEVELOPER.principals,
            )
        )
        return operation_to(await self._backend.operations.begin(asked))

    async def _work(self, arrived: Arrived) -> WriteReceipt:
        if arrived.failure is not None:
            raise arrived.failure
        if arrived.deletion is not None:
            deletion = arrived.deletion
            return await self._delete(deletion.name, deletion.version if deletion.HasField("version") else None)
        assert arrived.header is not None
        version = arrived.header.version if arrived.header.HasField("version") else None
        return await self._backend.ingest(
            upload_from(DocumentName.parse(arrived.header.name), version, arrived.header.fields, arrived.content)
        )

    async def _delete(self, text: str, version: int | None) -> WriteReceipt:
        name = DocumentName.parse(text)
        collection = await self._backend.catalog.collection(name.collection)
        receipt = await self._backend.catalog.delete(collection, name.document, version)
        self._backend.indexes.nudge(collection)
        return receipt


def _visibility(default_readers: DefaultReaders) -> Visibility:
    return Visibility(principals=DEVELOPER.principals, default_readable=default_readers is DefaultReaders.TENANT)
