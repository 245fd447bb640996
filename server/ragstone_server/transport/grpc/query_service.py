"""QueryService: convert, call, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from grpc import aio
from pydantic import BaseModel

from ragstone.v1 import query_service_pb2, query_service_pb2_grpc
from ragstone_server.observe.logs import request_id
from ragstone_server.pipelines.retrieve import RetrieveRequest
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.kinds import KINDS
from ragstone_server.transport.convert.grounding import grounding_to
from ragstone_server.transport.convert.parts import degraded_to
from ragstone_server.transport.convert.queries import (
    collection_name,
    event_to,
    passage_to,
    query_from,
    retrieve_from,
)
from ragstone_server.transport.grpc.backend import Backend
from ragstone_server.transport.grpc.calls import deadline_of
from ragstone_server.transport.grpc.identity import DEVELOPER
from ragstone_server.transport.grpc.settings import GrpcSettings
from ragstone_server.transport.grpc.streaming import Heartbeat, outgoing

Context = aio.ServicerContext[Any, Any]


class QueryServicer(query_service_pb2_grpc.QueryServiceServicer):
    """Questions and evidence."""

    def __init__(self, backend: Backend, settings: GrpcSettings) -> None:
        self._backend = backend
        self._settings = settings
        self._options = _option_models(backend)

    async def Query(  # noqa: N802 - the contract's name
        self, request: query_service_pb2.QueryRequest, context: Context
    ) -> AsyncIterator[query_service_pb2.QueryResponse]:
        """Answer a question, as a stream."""
        retrieve = self._retrieve(request.search, context)
        answer = self._backend.answer(query_from(request, retrieve))
        seq = 0
        async with aclosing(outgoing(answer, self._settings)) as events:
            async for event in events:
                seq += 1
                yield event_to(retrieve.context.collection, seq, None if isinstance(event, Heartbeat) else event)

    async def Retrieve(  # noqa: N802 - the contract's name
        self, request: query_service_pb2.RetrieveRequest, context: Context
    ) -> query_service_pb2.RetrieveResponse:
        """Find the passages for a question."""
        retrieve = self._retrieve(request.search, context)
        found = await self._backend.retrieve(retrieve)
        return query_service_pb2.RetrieveResponse(
            passages=[passage_to(retrieve.context.collection, rank, p) for rank, p in enumerate(found.passages, 1)],
            watermark=str(found.watermark),
            degraded=[degraded_to(degradation) for degradation in found.degradations],
        )

    async def CheckGrounding(  # noqa: N802 - the contract's name
        self, request: query_service_pb2.CheckGroundingRequest, context: Context
    ) -> query_service_pb2.CheckGroundingResponse:
        """Judge how well passages support a text."""
        asked = RequestContext(
            request_id=request_id.get(),
            caller=DEVELOPER,
            collection=collection_name(request.collection),
            deadline=deadline_of(context, self._backend.clock),
        )
        return grounding_to(await self._backend.check_grounding(asked, request.text, tuple(request.passages)))

    def _retrieve(self, search: query_service_pb2.Search, context: Context) -> RetrieveRequest:
        return retrieve_from(
            search,
            request_id=request_id.get(),
            caller=DEVELOPER,
            deadline=deadline_of(context, self._backend.clock),
            options=self._options,
        )


def _option_models(backend: Backend) -> dict[str, type[BaseModel]]:
    """What callers may set, by kind of the stages that are in use."""
    selected = {kind.name: backend.registry.selected(kind) for kind in KINDS}
    return {kind: offer.provider.options for kind, offer in selected.items() if offer is not None}
