"""The client for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from decimal import Decimal
from typing import Any, Self

import grpc
from grpc import aio

from ragstone.answers import Answer
from ragstone.channel import call_metadata, channel_options, deadline
from ragstone.documents import Acknowledgement, Document, NewDocument, Written, document_from, written_from
from ragstone.errors import from_rpc
from ragstone.grounding import Grounding, grounding_from, grounding_request
from ragstone.ingesting import AsyncUpload
from ragstone.metadata import Metadata
from ragstone.operations import AsyncOperations, Operation, operation_from
from ragstone.passages import AnswerFormat, MidStream, Passages, Turn, degraded_from, passage_from
from ragstone.query_events import AnswerBuilder, Event, event_from
from ragstone.repeating import Repeats
from ragstone.requests import (
    collection_name,
    document_name,
    format_to,
    micros,
    mid_stream_to,
    purge,
    schema_to,
    search,
    upsert,
)
from ragstone.session import Session
from ragstone.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
)


class AsyncClient:
    """As `Client`, for asyncio, without `admin`; an async context manager.

    Every method raises a `RagstoneError`. `timeout` is in seconds; None leaves it to the method: 30 to 900, and none for `ingest`.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        token: str | None = None,
        *,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Connect at the first call. Without credentials the connection is not encrypted."""
        self._metadata = call_metadata(address, token, secure=credentials is not None)
        self._channel = (
            aio.insecure_channel(address, options=channel_options(address))
            if credentials is None
            else aio.secure_channel(address, credentials, options=channel_options(address))
        )
        self._session = Session()
        self._queries = query_service_pb2_grpc.QueryServiceStub(self._channel)
        self._documents = ingest_service_pb2_grpc.IngestServiceStub(self._channel)
        self.operations = AsyncOperations(self._channel, self._metadata)
        """Long-running operations."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        await self._channel.close()

    async def query(self, question: str, **options: Any) -> AsyncGenerator[Event, None]:
        """Ask, and iterate over what happens; close the iterator to cancel early. Options as of `responses`."""
        async with aclosing(self.responses(question, **options)) as responses:
            async for response in responses:
                event = event_from(response)
                if event is not None:
                    yield event

    async def ask(self, question: str, **options: Any) -> Answer:
        """Ask, and wait for the whole answer. Options as of `responses`."""
        builder = AnswerBuilder()
        async with aclosing(self.query(question, **options)) as events:
            async for event in events:
                builder.add(event)
        return builder.answer()

    async def responses(
        self,
        question: str,
        *,
        collection: str = "default",
        filter: str | None = None,  # noqa: A002 - the contract's name
        top_k: int | None = None,
        turns: Sequence[Turn | tuple[str, str]] = (),
        min_watermark: str | None = None,
        context_tokens: int | None = None,
        max_output_tokens: int | None = None,
        route: str | None = None,
        mid_stream: MidStream | None = None,
        temperature: float | None = None,
        stop: Sequence[str] = (),
        format: AnswerFormat | str | None = None,  # noqa: A002 - the contract's name
        json_schema: Mapping[str, Any] | bool | str | None = None,
        max_cost: Decimal | float | None = None,
        stage_options: Mapping[str, Mapping[str, Any]] | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[query_service_pb2.QueryResponse, None]:
        """Ask, and iterate over the messages of the contract; close the iterator to cancel early.

        `min_watermark="session"` waits until the index has all that this client wrote. `mid_stream` says what happens when a
        model fails after its first token, where the route permits callers to choose. `max_cost` is in US dollars: what may
        cost more is not asked. `format` is "text", "markdown" or "json"; JSON obeys `json_schema`, which alone asks for it, and
        `Answer.json()` gives it parsed.
        """
        request = query_service_pb2.QueryRequest(
            search=search(
                question,
                collection=collection,
                filter=filter,
                top_k=top_k,
                turns=turns,
                min_watermark=self._session.demanded(collection_name(collection), min_watermark),
                stage_options=stage_options,
            ),
            context_tokens=context_tokens or 0,
            max_output_tokens=max_output_tokens or 0,
            route=route or "",
            mid_stream=mid_stream_to(mid_stream),
            temperature=temperature,
            stop=stop,
            format=format_to(format, json_schema),
            json_schema=schema_to(json_schema),
            max_cost_micros=micros(max_cost),
        )
        repeats = Repeats(deadline("Query", timeout))
        begun = False
        while True:
            call = self._queries.Query(request, timeout=repeats.left(), metadata=self._metadata)
            try:
                async for response in call:
                    begun = True
                    yield response
                return
            except aio.AioRpcError as error:
                pause = None if begun else repeats.pause(error)
                if pause is None:
                    raise from_rpc(error) from error
            finally:
                call.cancel()
            await asyncio.sleep(pause)

    async def retrieve(
        self,
        question: str,
        *,
        top_k: int = 10,
        collection: str = "default",
        filter: str | None = None,  # noqa: A002 - the contract's name
        min_watermark: str | None = None,
        turns: Sequence[Turn | tuple[str, str]] = (),
        stage_options: Mapping[str, Mapping[str, Any]] | None = None,
        timeout: float | None = None,
    ) -> Passages:
        """The passages for a question, best first."""
        request = query_service_pb2.RetrieveRequest(
            search=search(
                question,
                collection=collection,
                filter=filter,
                top_k=top_k,
                turns=turns,
                min_watermark=self._session.demanded(collection_name(collection), min_watermark),
                stage_options=stage_options,
            )
        )
        with _typed_errors():
            response = await self._queries.Retrieve(
                request, timeout=deadline("Retrieve", timeout), metadata=self._metadata
            )
        passages = Passages(passage_from(passage) for passage in response.passages)
        passages.watermark = response.watermark
        passages.degraded = tuple(degraded_from(degraded) for degraded in response.degraded)
        return passages

    async def check_grounding(
        self, text: str, passages: Sequence[str], *, collection: str = "default", timeout: float | None = None
    ) -> Grounding:
        """Whether the passages support the text, sentence by sentence; `[2]` in it names the second passage."""
        request = grounding_request(text, passages, collection)
        with _typed_errors():
            response = await self._queries.CheckGrounding(
                request, timeout=deadline("CheckGrounding", timeout), metadata=self._metadata
            )
        return grounding_from(text, response)

    async def ingest(
        self, documents: Iterable[NewDocument] | AsyncIterable[NewDocument], *, timeout: float | None = None
    ) -> AsyncGenerator[Acknowledgement, None]:
        """Store many documents; yields what became of each, in the order in which they are done.

        Keeps a bounded number in flight and pauses when the server asks for it. Leaving early cancels: what was
        acknowledged is stored, the rest may be. A document that cannot be sent, such as one with a lone surrogate, is
        acknowledged as failed, and the others go on.
        """
        upload = AsyncUpload(documents, self._session)
        call = self._documents.Ingest(upload.requests(), timeout=timeout, metadata=self._metadata)
        try:
            with _typed_errors():
                async with aclosing(upload.acknowledgements(call)) as acknowledgements:
                    async for acknowledgement in acknowledgements:
                        yield acknowledgement
        finally:
            call.cancel()
        upload.check()

    async def upsert_document(
        self,
        document: str,
        *,
        text: str | None = None,
        content: bytes | None = None,
        title: str | None = None,
        mime_type: str | None = None,
        version: int | None = None,
        metadata: Metadata | None = None,
        collection: str = "default",
        uri: str | None = None,
        filename: str | None = None,
        readers: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> Written:
        """Store a new version of a document, from `text` or the bytes of a file (`content`); returns when it is on disk."""
        request = upsert(
            NewDocument(
                document=document,
                text=text,
                content=content,
                title=title,
                uri=uri,
                filename=filename,
                mime_type=mime_type,
                version=version,
                metadata=metadata,
                readers=readers,
                collection=collection,
            )
        )
        with _typed_errors():
            response = await self._documents.UpsertDocument(
                request, timeout=deadline("UpsertDocument", timeout), metadata=self._metadata
            )
        self._session.wrote(collection_name(collection), response.watermark)
        return written_from(document, response)

    async def delete_document(
        self,
        document: str,
        *,
        version: int | None = None,
        collection: str = "default",
        timeout: float | None = None,
    ) -> str:
        """Delete a document; it answers nothing any more. Returns the watermark of the deletion."""
        request = ingest_service_pb2.DeleteDocumentRequest(name=document_name(collection, document), version=version)
        with _typed_errors():
            response = await self._documents.DeleteDocument(
                request, timeout=deadline("DeleteDocument", timeout), metadata=self._metadata
            )
        self._session.wrote(collection_name(collection), response.watermark)
        return response.watermark

    async def get_document(
        self, document: str, *, collection: str = "default", timeout: float | None = None
    ) -> Document:
        """A document's fields."""
        request = ingest_service_pb2.GetDocumentRequest(name=document_name(collection, document))
        with _typed_errors():
            response = await self._documents.GetDocument(
                request, timeout=deadline("GetDocument", timeout), metadata=self._metadata
            )
        return document_from(response.document)

    async def list_documents(
        self,
        *,
        collection: str = "default",
        filter: str | None = None,  # noqa: A002 - the contract's name
        timeout: float | None = None,
    ) -> AsyncGenerator[Document, None]:
        """All documents of a collection in the order of their ids, page by page as they are needed."""
        request = ingest_service_pb2.ListDocumentsRequest(parent=collection_name(collection), filter=filter or "")
        while True:
            with _typed_errors():
                response = await self._documents.ListDocuments(
                    request, timeout=deadline("ListDocuments", timeout), metadata=self._metadata
                )
            for document in response.documents:
                yield document_from(document)
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    async def purge_documents(
        self,
        filter: str,  # noqa: A002 - the contract's name
        *,
        collection: str = "default",
        force: bool = False,
        timeout: float | None = None,
    ) -> Operation:
        """Begin to count the documents that pass a filter (`*`: all), or with `force` to delete them; as of `Client`."""
        request = purge(collection, filter, force=force)
        with _typed_errors():
            begun = await self._documents.PurgeDocuments(
                request, timeout=deadline("PurgeDocuments", timeout), metadata=self._metadata
            )
        return operation_from(begun)


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except aio.AioRpcError as error:
        raise from_rpc(error) from error
