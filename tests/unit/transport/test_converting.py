"""Metadata, page tokens, questions and events: between the wire and the values of `spi`, both ways."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ragstone.v1 import document_pb2, query_service_pb2
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.observe.stage_times import StageTime
from ragstone_server.pipelines import events
from ragstone_server.pipelines.retrieve import RetrieveRequest
from ragstone_server.spi.errors import InvalidName, InvalidRequest, UnknownStageOption
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import Abstention, AnswerFormat, FinishReason, Sampling, Usage
from ragstone_server.spi.metadata import MetadataValue
from ragstone_server.spi.names import DocumentName
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.provider import Settings
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.turns import Role
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.transport.convert.documents import upload_from
from ragstone_server.transport.convert.metadata import metadata_from, metadata_to, readers_from, readers_to
from ragstone_server.transport.convert.paging import after_token, next_token
from ragstone_server.transport.convert.queries import event_to, passage_to, query_from, retrieve_from
from ragstone_server.wrappers.fallible import Degradation

moments = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC))
scalars: list[st.SearchStrategy[Any]] = [st.text(), st.floats(allow_nan=False), st.booleans(), moments]
values = st.one_of(*scalars, *(st.lists(scalar, max_size=4).map(tuple) for scalar in scalars))


@given(st.dictionaries(st.text(), values, max_size=4))
def test_metadata_survives_the_wire_with_its_types(metadata: dict[str, MetadataValue]) -> None:
    wire = document_pb2.DocumentFields(metadata=metadata_to(metadata))
    back = metadata_from(document_pb2.DocumentFields.FromString(wire.SerializeToString()).metadata)
    assert back == metadata
    assert {key: type(value) for key, value in back.items()} == {key: type(value) for key, value in metadata.items()}


def value(**kind: Any) -> document_pb2.MetadataValue:
    return document_pb2.MetadataValue(**kind)


@pytest.mark.parametrize(
    "wire",
    [
        value(),
        value(list_value=document_pb2.MetadataList(values=[value(string_value="a"), value(number_value=1)])),
        value(list_value=document_pb2.MetadataList(values=[value(list_value=document_pb2.MetadataList())])),
    ],
    ids=["nothing", "several types", "list in a list"],
)
def test_metadata_of_no_type_is_refused_with_its_key(wire: document_pb2.MetadataValue) -> None:
    with pytest.raises(InvalidRequest) as caught:
        metadata_from({"colour": wire})
    assert caught.value.violations[0].field == "metadata['colour']"


@pytest.mark.parametrize("readers", [None, frozenset(), frozenset({"user:ada", "group:staff"})])
def test_no_readers_and_an_empty_list_of_readers_are_two_things(readers: frozenset[str] | None) -> None:
    assert readers_from(document_pb2.DocumentFields(readers=readers_to(readers))) == readers


@given(st.text())
def test_a_page_token_gives_back_where_the_page_ended(last: str) -> None:
    assert after_token(next_token(last)) == last


def test_no_token_begins_at_the_beginning() -> None:
    assert after_token("") == ""


@pytest.mark.parametrize("token", ["%%%", "abc", "ü", "/w==", "gA=="])
def test_a_token_that_is_none_of_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest, match="page_token"):
        after_token(token)


class Weight(Settings):
    weight: float = Field(default=0.5, ge=0, le=1)


def asked(**fields: Any) -> RetrieveRequest:
    return retrieve_from(
        query_service_pb2.Search(question="why?", **fields),
        request_id="r",
        caller=CONTEXT.caller,
        deadline=None,
        options={"reranker": Weight},
    )


def options(**values: Any) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def test_what_is_left_out_of_a_search_is_the_default() -> None:
    request = asked()
    assert str(request.context.collection) == "tenants/default/collections/default"
    assert (request.top_k, request.filter, request.min_watermark, request.turns) == (None, None, "", ())


def test_a_search_with_everything() -> None:
    turn = query_service_pb2.Turn(role=query_service_pb2.ROLE_ASSISTANT, text="Nine.")
    request = asked(
        collection="tenants/acme/collections/x", turns=[turn], top_k=3, stage_options={"reranker": options(weight=0.25)}
    )
    assert str(request.context.collection) == "tenants/acme/collections/x"
    assert [(t.role, t.text) for t in request.turns] == [(Role.ASSISTANT, "Nine.")]
    assert request.context.options_of("reranker", Weight).weight == 0.25
    query = query_from(query_service_pb2.QueryRequest(context_tokens=7), request)
    assert (query.context_tokens, query.max_output_tokens) == (7, None)
    assert (query.format, query.sampling) == (None, Sampling())


@pytest.mark.parametrize("wanted", AnswerFormat)
def test_a_format_with_its_schema(wanted: AnswerFormat) -> None:
    value = query_service_pb2.AnswerFormat.Value(f"ANSWER_FORMAT_{wanted.upper()}")
    query = query_from(query_service_pb2.QueryRequest(format=value, json_schema="{}"), asked())
    assert (query.format, query.sampling.json_schema) == (wanted, "{}")


@pytest.mark.parametrize(
    ("kind", "given", "what"),
    [
        ("barista", {}, "there is no stage 'barista' (there are: reranker)"),
        ("reranker", {"weigth": 1}, "stage_options.reranker.weigth: unknown setting"),
        ("reranker", {"weight": 7}, "stage_options.reranker.weight"),
        ("reranker", {"weight": "much"}, "stage_options.reranker.weight"),
    ],
)
def test_an_option_that_is_not_there_is_refused(kind: str, given: dict[str, Any], what: str) -> None:
    with pytest.raises(UnknownStageOption) as caught:
        asked(stage_options={kind: options(**given)})
    assert what in caught.value.message
    assert caught.value.metadata == {"stage": kind}
    assert caught.value.violations


@pytest.mark.parametrize(
    "name", ["tenants/a/collections/B", "collections/x", "tenants/a/collections/x/y", "tenants//collections/x"]
)
def test_a_malformed_collection_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        asked(collection=name)


def test_a_document_may_have_slashes_in_its_id() -> None:
    fields = document_pb2.DocumentFields(title="T")
    name = DocumentName.parse("tenants/default/collections/default/documents/a/b c.txt")
    upload = upload_from(name, None, fields, b"x")
    assert (upload.name.document, upload.title, upload.readers, upload.filename) == ("a/b c.txt", "T", None, None)


WATERMARK = Watermark(epoch="e", collection=CollectionKey(1), position=Position(2))
PACKED = NumberedPassage(
    number=2, scored=scored(7, "nine", scores={"dense": 0.5}), range=ByteRange(start=3, end=9), text="widened"
)
CITATION = events.Citation(number=2, passage=PACKED, range=ByteRange(start=0, end=4))
COMPLETED = events.Completed(
    finish_reason=FinishReason.STOP,
    abstention=None,
    answer=events.Answer(text="Nine [2].", citations=(CITATION,)),
    usage=Usage(input_tokens=3, output_tokens=2, estimated=True),
    invalid_citations=1,
    watermark=WATERMARK,
)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (None, "heartbeat"),
        (events.Started(request_id="r", watermark=WATERMARK), "started"),
        (StageTime(stage="dense", seconds=0.001), "stage"),
        (events.EvidenceFound(passages=(PACKED,)), "evidence"),
        (events.AttemptStarted(model="m"), "attempt_started"),
        (events.Delta(text="Nine"), "delta"),
        (CITATION, "citation"),
        (events.AttemptDiscarded(reason="r", next_model="n"), "attempt_discarded"),
        (Degradation(stage="rerank", reason="failed and was skipped"), "degraded"),
        (COMPLETED, "completed"),
    ],
)
def test_every_event_has_its_field(event: events.QueryEvent | None, name: str) -> None:
    wire = event_to(CONTEXT.collection, 5, event)
    assert (wire.seq, wire.WhichOneof("event")) == (5, name)


def test_every_field_of_the_stream_is_tried_above() -> None:
    fields = {field.name for field in query_service_pb2.QueryResponse.DESCRIPTOR.oneofs_by_name["event"].fields}
    mark = next(m for m in test_every_event_has_its_field.pytestmark if m.name == "parametrize")  # type: ignore[attr-defined]
    assert {name for _, name in mark.args[1]} == fields


def test_the_end_has_the_whole_answer_and_no_abstention() -> None:
    wire = event_to(CONTEXT.collection, 1, COMPLETED).completed
    assert not wire.HasField("abstention")
    assert (wire.answer.text, wire.invalid_citations, wire.usage.estimated) == ("Nine [2].", 1, True)
    assert wire.answer.citations[0].document == "document-7"
    assert (wire.answer.citations[0].source.start, wire.answer.citations[0].source.end) == (3, 9)


@pytest.mark.parametrize("reason", Abstention)
def test_every_abstention_has_its_value(reason: Abstention) -> None:
    abstained = events.Completed(
        finish_reason=FinishReason.ABSTAINED,
        abstention=reason,
        answer=events.Answer(text="", citations=()),
        usage=COMPLETED.usage,
        invalid_citations=0,
        watermark=WATERMARK,
    )
    wire = event_to(CONTEXT.collection, 1, abstained).completed
    assert query_service_pb2.AbstentionReason.Name(wire.abstention.reason) == f"ABSTENTION_REASON_{reason.name}"
    assert wire.finish_reason == query_service_pb2.FINISH_REASON_ABSTAINED


def test_evidence_shows_what_was_packed_under_its_number() -> None:
    passage = event_to(CONTEXT.collection, 1, events.EvidenceFound(passages=(PACKED,))).evidence.passages[0]
    assert (passage.rank, passage.text, passage.range.end) == (2, "widened", 9)
    assert passage.document_name == "tenants/default/collections/default/documents/document-7"


def test_a_passage_without_a_page_has_none() -> None:
    assert not passage_to(CONTEXT.collection, 1, scored(1, "x")).HasField("page")
