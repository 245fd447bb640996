"""Generations of a collection's index: the messages of the contract, with typed errors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.struct_pb2 import Struct

from ragstone.operations import Operation, operation_from
from ragstone.requests import collection_name
from ragstone.v1 import admin_service_pb2_grpc, generation_pb2


class Generations:
    """Calls of AdminService about generations, and about the questions that are recorded to compare them with."""

    def __init__(self, stub: admin_service_pb2_grpc.AdminServiceStub, call: Callable[..., Any]) -> None:
        self._stub = stub
        self._call = call

    def list(self, *, collection: str = "default") -> list[generation_pb2.IndexGeneration]:
        """Those that are there, in ascending order of their numbers; none before the first document."""
        request = generation_pb2.ListGenerationsRequest(parent=collection_name(collection))
        response: generation_pb2.ListGenerationsResponse = self._call(self._stub.ListGenerations, request)
        return list(response.generations)

    def reindex(
        self,
        *,
        collection: str = "default",
        embedder: str | None = None,
        embedder_config: Mapping[str, Any] | None = None,
        chunker: str | None = None,
        chunker_config: Mapping[str, Any] | None = None,
    ) -> Operation:
        """Begin to build the next generation with these providers and settings; None: those that the server is configured with.

        Returns when that is begun; `client.operations.wait` gives the end, whose `result()` is a `ReindexResponse`. Raises
        `ValueError` for settings without the provider that they are of.
        """
        request = generation_pb2.ReindexRequest(
            parent=collection_name(collection),
            embedder=_choice("embedder", embedder, embedder_config),
            chunker=_choice("chunker", chunker, chunker_config),
        )
        return operation_from(self._call(self._stub.Reindex, request))

    def compare(
        self,
        number: int,
        base: int | None = None,
        *,
        collection: str = "default",
        questions: Sequence[str] = (),
        sample: int | None = None,
        top_k: int | None = None,
        filter: str = "",  # noqa: A002 - the contract's name
        timeout: float | None = None,
    ) -> generation_pb2.CompareGenerationsResponse:
        """How the rankings of a generation differ from those of another (None: of the live one).

        For these questions, or for the latest recorded ones (`sample`: how many at most).
        """
        request = generation_pb2.CompareGenerationsRequest(
            name=_name(collection, number),
            base=base or 0,
            questions=questions,
            sample=sample or 0,
            top_k=top_k or 0,
            filter=filter,
        )
        response: generation_pb2.CompareGenerationsResponse = self._call(
            self._stub.CompareGenerations, request, timeout, "CompareGenerations"
        )
        return response

    def activate(
        self, number: int, *, collection: str = "default", timeout: float | None = None
    ) -> generation_pb2.IndexGeneration:
        """Answer from a generation, from the next question on; waits until the server's views of it have come up."""
        request = generation_pb2.ActivateGenerationRequest(name=_name(collection, number))
        response: generation_pb2.ActivateGenerationResponse = self._call(
            self._stub.ActivateGeneration, request, timeout, "ActivateGeneration"
        )
        return response.generation

    def roll_back(self, *, collection: str = "default", timeout: float | None = None) -> generation_pb2.IndexGeneration:
        """Answer from the generation again that was live before; returns it."""
        request = generation_pb2.RollBackGenerationRequest(parent=collection_name(collection))
        response: generation_pb2.RollBackGenerationResponse = self._call(
            self._stub.RollBackGeneration, request, timeout, "RollBackGeneration"
        )
        return response.generation

    def delete(self, number: int, *, collection: str = "default") -> Operation:
        """Begin to delete a generation that is not live; `client.operations.wait` gives the end."""
        request = generation_pb2.DeleteGenerationRequest(name=_name(collection, number))
        return operation_from(self._call(self._stub.DeleteGeneration, request))

    def questions(self, *, collection: str = "default", limit: int = 100) -> Sequence[generation_pb2.RecordedQuestion]:
        """Recorded questions, the latest first."""
        request = generation_pb2.ListRecordedQuestionsRequest(parent=collection_name(collection), page_size=limit)
        response: generation_pb2.ListRecordedQuestionsResponse = self._call(self._stub.ListRecordedQuestions, request)
        return response.questions

    def purge_questions(self, *, collection: str = "default") -> int:
        """Delete the recorded questions; how many there were."""
        request = generation_pb2.PurgeRecordedQuestionsRequest(parent=collection_name(collection))
        response: generation_pb2.PurgeRecordedQuestionsResponse = self._call(self._stub.PurgeRecordedQuestions, request)
        return response.purged


def _choice(kind: str, use: str | None, config: Mapping[str, Any] | None) -> generation_pb2.StageChoice | None:
    if use is None:
        if config:
            raise ValueError(f"{kind}_config needs {kind}, the provider that the settings are of")
        return None
    settings = Struct()
    settings.update(config or {})
    return generation_pb2.StageChoice(use=use, config=settings)


def _name(collection: str, number: int) -> str:
    return f"{collection_name(collection)}/generations/{number}"
