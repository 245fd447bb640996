"""Questions in, evidence and events out."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pydantic import BaseModel, ValidationError

from ragstone.v1 import evidence_pb2, query_service_pb2
from ragstone_server.config.validation import problems
from ragstone_server.observe.stage_times import StageTime
from ragstone_server.pipelines import events
from ragstone_server.pipelines.generate import Choice
from ragstone_server.pipelines.query import QueryRequest
from ragstone_server.pipelines.retrieve import RetrieveRequest
from ragstone_server.routing.settings import MidStream
from ragstone_server.spi.context import Caller, RequestContext
from ragstone_server.spi.errors import FieldViolation, UnknownStageOption
from ragstone_server.spi.evidence import NumberedPassage, ScoredPassage
from ragstone_server.spi.generator import Abstention, AnswerFormat, FinishReason, Sampling, Usage
from ragstone_server.spi.names import DEFAULT_COLLECTION, DEFAULT_TENANT, CollectionName, DocumentName
from ragstone_server.spi.turns import Role, Turn
from ragstone_server.transport.convert.filters import parse_filter
from ragstone_server.transport.convert.grounding import answer_grounding_to
from ragstone_server.transport.convert.metadata import metadata_to
from ragstone_server.transport.convert.parts import degraded_to, range_to
from ragstone_server.wrappers.fallible import Degradation

_ROLES = {query_service_pb2.ROLE_USER: Role.USER, query_service_pb2.ROLE_ASSISTANT: Role.ASSISTANT}
_FINISH = {
    FinishReason.STOP: query_service_pb2.FINISH_REASON_STOP,
    FinishReason.LENGTH: query_service_pb2.FINISH_REASON_LENGTH,
    FinishReason.CONTENT_FILTER: query_service_pb2.FINISH_REASON_CONTENT_FILTER,
    FinishReason.ABSTAINED: query_service_pb2.FINISH_REASON_ABSTAINED,
}
_MID_STREAM = {
    query_service_pb2.MID_STREAM_UNSPECIFIED: None,
    query_service_pb2.MID_STREAM_RESTART: MidStream.RESTART,
    query_service_pb2.MID_STREAM_CONTINUE: MidStream.CONTINUE,
    query_service_pb2.MID_STREAM_FAIL: MidStream.FAIL,
}
_FORMATS = {
    query_service_pb2.ANSWER_FORMAT_UNSPECIFIED: None,
    query_service_pb2.ANSWER_FORMAT_TEXT: AnswerFormat.TEXT,
    query_service_pb2.ANSWER_FORMAT_MARKDOWN: AnswerFormat.MARKDOWN,
    query_service_pb2.ANSWER_FORMAT_JSON: AnswerFormat.JSON,
}
_ABSTENTION = {
    Abstention.NO_RELEVANT_CONTENT: query_service_pb2.ABSTENTION_REASON_NO_RELEVANT_CONTENT,
    Abstention.LOW_GROUNDING: query_service_pb2.ABSTENTION_REASON_LOW_GROUNDING,
    Abstention.BUDGET: query_service_pb2.ABSTENTION_REASON_BUDGET,
    Abstention.POLICY: query_service_pb2.ABSTENTION_REASON_POLICY,
    Abstention.NO_PERMITTED_CONTENT: query_service_pb2.ABSTENTION_REASON_NO_PERMITTED_CONTENT,
}


def collection_name(text: str) -> CollectionName:
    """The name, or the default collection's where it is empty."""
    return CollectionName.parse(text) if text else CollectionName(tenant=DEFAULT_TENANT, collection=DEFAULT_COLLECTION)


def retrieve_from(
    search: query_service_pb2.Search,
    *,
    request_id: str,
    caller: Caller,
    deadline: float | None,
    options: Mapping[str, type[BaseModel]],
) -> RetrieveRequest:
    """A search as the pipelines know it. `options` names the model of each kind of stage that is in use."""
    context = RequestContext(
        request_id=request_id,
        caller=caller,
        collection=collection_name(search.collection),
        deadline=deadline,
        options={kind: _options(kind, wire, options) for kind, wire in search.stage_options.items()},
    )
    return RetrieveRequest(
        context=context,
        question=search.question,
        turns=tuple(Turn(role=_ROLES[turn.role], text=turn.text) for turn in search.turns),
        filter=parse_filter(search.filter),
        top_k=search.top_k or None,
        min_watermark=search.min_watermark,
    )


def query_from(wire: query_service_pb2.QueryRequest, retrieve: RetrieveRequest) -> QueryRequest:
    """A question with its budgets."""
    return QueryRequest(
        retrieve=retrieve,
        context_tokens=wire.context_tokens or None,
        max_output_tokens=wire.max_output_tokens or None,
        choice=Choice(
            route=wire.route,
            mid_stream=_MID_STREAM[wire.mid_stream],
            max_cost=Decimal(wire.max_cost_micros) / 1_000_000 if wire.HasField("max_cost_micros") else None,
        ),
        sampling=Sampling(
            temperature=wire.temperature if wire.HasField("temperature") else None,
            stop=tuple(wire.stop),
            json_schema=wire.json_schema or None,
        ),
        format=_FORMATS[wire.format],
    )


def passage_to(collection: CollectionName, rank: int, scored: ScoredPassage) -> evidence_pb2.Passage:
    """One ranked passage."""
    passage = scored.passage
    return evidence_pb2.Passage(
        rank=rank,
        document=passage.document,
        document_name=str(DocumentName(collection=collection, document=passage.document)),
        chunk=passage.passage_id,
        title=passage.title,
        uri=passage.uri,
        page=passage.page,
        headings=passage.headings,
        text=passage.text,
        range=range_to(passage.range),
        version=passage.version,
        score=scored.score,
        scores=dict(scored.scores),
        metadata=metadata_to(passage.metadata),
    )


def event_to(collection: CollectionName, seq: int, event: events.QueryEvent | None) -> query_service_pb2.QueryResponse:
    """One event of the stream; None is a heartbeat."""
    return query_service_pb2.QueryResponse(seq=seq, **_event(collection, event))


def _event(collection: CollectionName, event: events.QueryEvent | None) -> dict[str, Any]:
    match event:
        case None:
            return {"heartbeat": query_service_pb2.Heartbeat()}
        case events.Started(request_id=request_id, watermark=watermark):
            return {"started": query_service_pb2.Started(request_id=request_id, watermark=str(watermark))}
        case StageTime(stage=stage, seconds=seconds):
            return {"stage": query_service_pb2.Stage(name=stage, took=_duration(seconds))}
        case events.EvidenceFound(passages=passages):
            return {
                "evidence": query_service_pb2.Evidence(passages=[_packed(collection, passage) for passage in passages])
            }
        case events.AttemptStarted():
            started = query_service_pb2.AttemptStarted(
                model=event.model,
                route=event.route,
                deployment=event.deployment,
                why=event.why,
                continues=event.continues,
            )
            return {"attempt_started": started}
        case events.Delta(text=text):
            return {"delta": query_service_pb2.Delta(text=text)}
        case events.Citation():
            return {"citation": _citation(event)}
        case events.AttemptDiscarded(reason=reason, next_model=next_model):
            return {"attempt_discarded": query_service_pb2.AttemptDiscarded(reason=reason, next_model=next_model)}
        case Degradation():
            return {"degraded": degraded_to(event)}
        case events.Completed():
            return {"completed": _completed(event)}


def _completed(event: events.Completed) -> query_service_pb2.Completed:
    abstention = None
    if event.abstention is not None:
        abstention = query_service_pb2.Abstention(reason=_ABSTENTION[event.abstention])
    return query_service_pb2.Completed(
        finish_reason=_FINISH[event.finish_reason],
        abstention=abstention,
        usage=_usage(event.usage),
        attempts=[
            query_service_pb2.Attempt(
                model=attempt.model,
                deployment=attempt.deployment,
                fault=attempt.fault or "",
                usage=_usage(attempt.usage),
            )
            for attempt in event.attempts
        ],
        watermark=str(event.watermark),
        answer=query_service_pb2.Answer(
            text=event.answer.text, citations=[_citation(citation) for citation in event.answer.citations]
        ),
        invalid_citations=event.invalid_citations,
        prompt_version=event.prompt_version,
        passages_in_prompt=event.passages_in_prompt,
        grounding=None if event.grounding is None else answer_grounding_to(event.grounding),
    )


def _usage(usage: Usage) -> query_service_pb2.Usage:
    return query_service_pb2.Usage(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, estimated=usage.estimated
    )


def _packed(collection: CollectionName, packed: NumberedPassage) -> evidence_pb2.Passage:
    wire = passage_to(collection, packed.number, packed.scored)
    wire.text = packed.text
    wire.range.CopyFrom(range_to(packed.range))
    return wire


def _citation(citation: events.Citation) -> query_service_pb2.Citation:
    passage = citation.passage.scored.passage
    return query_service_pb2.Citation(
        number=citation.number,
        chunk=passage.passage_id,
        document=passage.document,
        range=range_to(citation.range),
        version=passage.version,
        source=range_to(citation.passage.range),
        attributed=citation.attributed,
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration


def _options(kind: str, wire: Struct, models: Mapping[str, type[BaseModel]]) -> BaseModel:
    if kind not in models:
        known = ", ".join(sorted(models))
        raise UnknownStageOption(
            f"stage_options: there is no stage {kind!r} (there are: {known})",
            metadata={"stage": kind},
            violations=(FieldViolation(field="stage_options", description=f"unknown stage {kind}"),),
        )
    try:
        return models[kind].model_validate(MessageToDict(wire))
    except ValidationError as error:
        found = problems(error, f"stage_options.{kind}")
        raise UnknownStageOption(
            "; ".join(str(problem) for problem in found),
            metadata={"stage": kind},
            violations=tuple(FieldViolation(field=p.where, description=p.what) for p in found),
        ) from error
    except ValueError as error:  # of protobuf: NaN and infinity have no JSON
        raise UnknownStageOption(f"stage_options.{kind}: a number is finite", metadata={"stage": kind}) from error
