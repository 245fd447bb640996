"""Generations of an index, both ways."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from ragstone.v1 import generation_pb2, operation_pb2
from ragstone_server.pipelines.compare_generations import GenerationComparison, RankingComparison
from ragstone_server.spi.errors import InvalidName, InvalidRequest
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.generations import GenerationNumber, GenerationRecord, GenerationState, StageChoice
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.questions import RecordedQuestion
from ragstone_server.transport.convert.metadata import timestamp

_STATES = {
    GenerationState.BUILDING: generation_pb2.GENERATION_STATE_BUILDING,
    GenerationState.READY: generation_pb2.GENERATION_STATE_READY,
    GenerationState.LIVE: generation_pb2.GENERATION_STATE_LIVE,
    GenerationState.FORMER: generation_pb2.GENERATION_STATE_FORMER,
}
_NAME = re.compile(r"(tenants/[^/]+/collections/[^/]+)/generations/([1-9][0-9]{0,8})")

Values = Mapping[str, Any]


def generation_name(collection: CollectionName | str, number: int) -> str:
    """Its resource name."""
    return f"{collection}/generations/{number}"


def parse_generation(text: str) -> tuple[CollectionName, GenerationNumber]:
    """Read a resource name. Raises `InvalidName`."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise InvalidName(
            f"{text[:300]!r} is not of the form tenants/TENANT/collections/COLLECTION/generations/NUMBER",
            metadata={"name": text},
        )
    return CollectionName.parse(match[1]), GenerationNumber(int(match[2]))


def choice_from(wire: generation_pb2.StageChoice) -> StageChoice:
    """A provider with its settings. Raises `InvalidRequest` for a number that is not finite."""
    try:
        config = MessageToDict(wire.config)
    except ValueError as error:  # of protobuf: NaN and infinity have no JSON
        raise InvalidRequest(f"a setting of {wire.use}: a number is finite") from error
    return StageChoice(use=wire.use, config=json.dumps(_whole(config), sort_keys=True))


def generation_to(collection: CollectionName, record: GenerationRecord) -> generation_pb2.IndexGeneration:
    """One generation as the catalog holds it."""
    recipe = record.recipe
    return generation_pb2.IndexGeneration(
        name=generation_name(collection, record.number),
        state=_STATES[record.state],
        embedder=record.generation.embedder,
        chunker=record.generation.chunker,
        embedder_choice=None if recipe is None else _choice_to(recipe.embedder),
        chunker_choice=None if recipe is None else _choice_to(recipe.chunker),
        create_time=timestamp(record.created),
        activate_time=None if record.activated is None else timestamp(record.activated),
    )


def comparison_to(
    collection: CollectionName, compared: GenerationComparison
) -> generation_pb2.CompareGenerationsResponse:
    """With every question."""
    return generation_pb2.CompareGenerationsResponse(
        base=generation_to(collection, compared.base),
        compared=generation_to(collection, compared.compared),
        top_k=compared.top_k,
        overlap=compared.overlap,
        rank_biased_overlap=compared.rank_biased_overlap,
        text_overlap=compared.text_overlap,
        first_changed=sum(each.first_changed for each in compared.questions),
        questions=map(_question_to, compared.questions),
    )


def recorded_to(question: RecordedQuestion) -> generation_pb2.RecordedQuestion:
    """One that is kept."""
    return generation_pb2.RecordedQuestion(
        question=question.text, ask_time=timestamp(question.asked), times=question.times
    )


def reindex_metadata(
    info: operation_pb2.OperationInfo, parameters: Values, progress: Values
) -> generation_pb2.ReindexMetadata:
    """How far it is."""
    number = progress.get("generation")
    return generation_pb2.ReindexMetadata(
        info=info,
        generation=generation_name(parameters["collection"], number) if number else "",
        documents_done=progress.get("done", 0),
        documents_total=progress.get("total", 0),
        passages=progress.get("passages", 0),
        embedded=progress.get("embedded", 0),
    )


def reindex_response(result: Values) -> generation_pb2.ReindexResponse:
    """The generation that is complete."""
    return generation_pb2.ReindexResponse(
        generation=generation_name(result["collection"], result["generation"]),
        documents=result["done"],
        passages=result["passages"],
        embedded=result["embedded"],
    )


def deletion_metadata(
    info: operation_pb2.OperationInfo, parameters: Values, progress: Values
) -> generation_pb2.DeleteGenerationMetadata:
    """How far it is."""
    return generation_pb2.DeleteGenerationMetadata(
        info=info,
        generation=generation_name(parameters["collection"], parameters["generation"]),
        deleted=progress.get("deleted", 0),
    )


def deletion_response(result: Values) -> generation_pb2.DeleteGenerationResponse:
    """What went."""
    return generation_pb2.DeleteGenerationResponse(deleted=result["deleted"])


def _choice_to(choice: StageChoice) -> generation_pb2.StageChoice:
    config = Struct()
    config.update(json.loads(choice.config))
    return generation_pb2.StageChoice(use=choice.use, config=config)


def _whole(value: Any) -> Any:
    """Numbers of JSON as they were written."""
    match value:
        case dict():
            return {key: _whole(each) for key, each in value.items()}
        case list():
            return [_whole(each) for each in value]
        case float() if value.is_integer():
            return int(value)
    return value


def _question_to(question: RankingComparison) -> generation_pb2.QuestionComparison:
    return generation_pb2.QuestionComparison(
        question=question.question,
        overlap=question.overlap,
        rank_biased_overlap=question.rank_biased_overlap,
        text_overlap=question.text_overlap,
        base=_ranking_to(question.base, question.compared),
        compared=_ranking_to(question.compared, question.base),
        entered=question.entered,
        left=question.left,
        degraded=question.degraded,
    )


def _ranking_to(
    ranking: Iterable[ScoredPassage], other: Iterable[ScoredPassage]
) -> Iterable[generation_pb2.RankedPassage]:
    places: dict[str, int] = {}
    for rank, scored in enumerate(other, 1):
        places.setdefault(scored.passage.document, rank)
    for rank, scored in enumerate(ranking, 1):
        passage = scored.passage
        yield generation_pb2.RankedPassage(
            rank=rank,
            document=passage.document,
            title=passage.title,
            chunk=passage.passage_id,
            page=passage.page,
            headings=passage.headings,
            score=scored.score,
            other_rank=places.get(passage.document, 0),
        )
