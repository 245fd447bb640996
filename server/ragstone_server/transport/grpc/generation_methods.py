"""The methods of AdminService about generations of an index: convert, call, convert."""

from typing import Any

from google.longrunning import operations_pb2
from grpc import aio

from ragstone.v1 import generation_pb2
from ragstone_server.observe.logs import request_id
from ragstone_server.pipelines.compare_generations import CompareRequest
from ragstone_server.pipelines.reindex import ReindexRequest
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.generations import GenerationNumber
from ragstone_server.spi.names import CollectionName
from ragstone_server.transport.convert.filters import parse_filter
from ragstone_server.transport.convert.generations import (
    choice_from,
    comparison_to,
    generation_to,
    parse_generation,
    recorded_to,
)
from ragstone_server.transport.grpc.backend import Backend
from ragstone_server.transport.grpc.calls import deadline_of
from ragstone_server.transport.grpc.identity import DEVELOPER
from ragstone_server.transport.grpc.operations_service import operation_to

Context = aio.ServicerContext[Any, Any]
QUESTIONS = 100


class GenerationMethods:
    """Part of the servicer of AdminService."""

    _backend: Backend

    async def Reindex(  # noqa: N802 - the contract's name
        self, request: generation_pb2.ReindexRequest, context: Context
    ) -> operations_pb2.Operation:
        """Begin to build the next generation."""
        asked = await self._backend.reindex.asked(
            ReindexRequest(
                collection=CollectionName.parse(request.parent),
                embedder=choice_from(request.embedder) if request.HasField("embedder") else None,
                chunker=choice_from(request.chunker) if request.HasField("chunker") else None,
            )
        )
        return operation_to(await self._backend.operations.begin(asked))

    async def ListGenerations(  # noqa: N802 - the contract's name
        self, request: generation_pb2.ListGenerationsRequest, context: Context
    ) -> generation_pb2.ListGenerationsResponse:
        """List the generations."""
        collection = await self._backend.catalog.collection(CollectionName.parse(request.parent))
        return generation_pb2.ListGenerationsResponse(
            generations=[generation_to(collection.name, each) for each in collection.generations]
        )

    async def CompareGenerations(  # noqa: N802 - the contract's name
        self, request: generation_pb2.CompareGenerationsRequest, context: Context
    ) -> generation_pb2.CompareGenerationsResponse:
        """Compare two of them."""
        collection, number = parse_generation(request.name)
        compared = await self._backend.compare_generations(
            CompareRequest(
                context=RequestContext(
                    request_id=request_id.get(),
                    caller=DEVELOPER,
                    collection=collection,
                    deadline=deadline_of(context, self._backend.clock),
                ),
                compared=number,
                base=GenerationNumber(request.base) if request.base else None,
                questions=tuple(request.questions),
                sample=request.sample or None,
                top_k=request.top_k or None,
                filter=parse_filter(request.filter),
            )
        )
        return comparison_to(collection, compared)

    async def ActivateGeneration(  # noqa: N802 - the contract's name
        self, request: generation_pb2.ActivateGenerationRequest, context: Context
    ) -> generation_pb2.ActivateGenerationResponse:
        """Answer from one of them."""
        collection, number = parse_generation(request.name)
        record = await self._backend.generations.activate(collection, number, deadline_of(context, self._backend.clock))
        return generation_pb2.ActivateGenerationResponse(generation=generation_to(collection, record))

    async def RollBackGeneration(  # noqa: N802 - the contract's name
        self, request: generation_pb2.RollBackGenerationRequest, context: Context
    ) -> generation_pb2.RollBackGenerationResponse:
        """Answer from the former one."""
        collection = CollectionName.parse(request.parent)
        record = await self._backend.generations.roll_back(collection, deadline_of(context, self._backend.clock))
        return generation_pb2.RollBackGenerationResponse(generation=generation_to(collection, record))

    async def DeleteGeneration(  # noqa: N802 - the contract's name
        self, request: generation_pb2.DeleteGenerationRequest, context: Context
    ) -> operations_pb2.Operation:
        """Begin to delete one of them."""
        asked = await self._backend.generations.delete_asked(*parse_generation(request.name))
        return operation_to(await self._backend.operations.begin(asked))

    async def ListRecordedQuestions(  # noqa: N802 - the contract's name
        self, request: generation_pb2.ListRecordedQuestionsRequest, context: Context
    ) -> generation_pb2.ListRecordedQuestionsResponse:
        """List the questions."""
        collection = await self._backend.catalog.collection(CollectionName.parse(request.parent))
        questions = self._backend.catalog.store.questions
        found = await questions.questions(collection.key, request.page_size or QUESTIONS)
        return generation_pb2.ListRecordedQuestionsResponse(questions=map(recorded_to, found))

    async def PurgeRecordedQuestions(  # noqa: N802 - the contract's name
        self, request: generation_pb2.PurgeRecordedQuestionsRequest, context: Context
    ) -> generation_pb2.PurgeRecordedQuestionsResponse:
        """Delete the questions."""
        collection = await self._backend.catalog.collection(CollectionName.parse(request.parent))
        purged = await self._backend.catalog.store.questions.purge(collection.key)
        return generation_pb2.PurgeRecordedQuestionsResponse(purged=purged)
