"""The rules of the contract on every request and event, enforced as the server enforces them."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value

from ragstone.v1 import (
    admin_service_pb2,
    document_event_pb2,
    document_pb2,
    ingest_service_pb2,
    query_service_pb2,
    snapshot_pb2,
)
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.transport.convert.validation import validate
from tests.contract import admin_requests

EVENT = document_event_pb2.DocumentEvent
SERVICES = (query_service_pb2, ingest_service_pb2, admin_service_pb2)
NAME = "tenants/default/collections/default"
DOCUMENT = f"{NAME}/documents/a/b"
PROMPT = f"{NAME}/prompts/3"


def _reachable(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    if message.full_name in seen or not message.full_name.startswith("ragstone."):
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field
        if field.message_type is not None:
            yield from _reachable(field.message_type, seen)


UNBOUNDED = {
    # Contents are bounded by the size of a message; the server's limit on documents is a setting.
    "ragstone.v1.DocumentHeader.inline",
    "ragstone.v1.DocumentHeader.text",
    "ragstone.v1.UpsertDocumentRequest.data",
    "ragstone.v1.UpsertDocumentRequest.text",
    "ragstone.v1.EventUpsert.data",
    "ragstone.v1.EventUpsert.text",
    # Any number of the producer's own.
    "ragstone.v1.IngestRequest.sequence",
    # Output only; what a request says there is not looked at.
    "ragstone.v1.Collection.document_count",
    "ragstone.v1.Collection.watermark",
    "ragstone.v1.Generation.embedder",
    "ragstone.v1.Generation.chunker",
    "ragstone.v1.Prompt.name",
    "ragstone.v1.Prompt.author",
}


def test_every_field_of_a_request_that_has_a_size_has_a_rule() -> None:
    fields = [f for request in _requests().values() for f in _reachable(request, set())]
    sized = {f.full_name: f for f in fields if f.cpp_type not in (f.CPPTYPE_BOOL, f.CPPTYPE_MESSAGE) or f.is_repeated}
    sized = {name: f for name, f in sized.items() if not _is_map_entry(f)}
    assert {name for name, field in sized.items() if not _has_rule(field)} == UNBOUNDED


def _requests() -> dict[str, Descriptor]:
    """What others send: the request of every method, and the event."""
    descriptors = [m.input_type for module in SERVICES for m in _methods(module)]
    return {d.full_name: d for d in (*descriptors, EVENT.DESCRIPTOR)}


def _methods(module: Any) -> Iterator[Any]:
    for service in module.DESCRIPTOR.services_by_name.values():
        yield from service.methods


def _is_map_entry(field: FieldDescriptor) -> bool:
    return field.containing_type is not None and field.containing_type.GetOptions().map_entry


def _has_rule(field: FieldDescriptor) -> bool:
    """Whether the options have extension 1159, `buf.validate.field`, known to this process or not."""
    return b"\xba\x48" in field.GetOptions().SerializeToString()


def _search(**fields: Any) -> query_service_pb2.QueryRequest:
    return query_service_pb2.QueryRequest(search=query_service_pb2.Search(**{"question": "When?", **fields}))


def _upsert(**fields: Any) -> ingest_service_pb2.UpsertDocumentRequest:
    return ingest_service_pb2.UpsertDocumentRequest(**{"name": DOCUMENT, "text": "x", **fields})


def _fields(**fields: Any) -> ingest_service_pb2.UpsertDocumentRequest:
    return _upsert(fields=document_pb2.DocumentFields(**fields))


def _step(**action: Any) -> ingest_service_pb2.IngestRequest:
    return ingest_service_pb2.IngestRequest(sequence=1, **action)


def _prompt(**fields: Any) -> admin_service_pb2.CreatePromptRequest:
    return admin_service_pb2.CreatePromptRequest(parent=NAME, prompt=admin_service_pb2.Prompt(**fields))


def _event(**fields: Any) -> document_event_pb2.DocumentEvent:
    return EVENT(**{"document": "a/b", "delete": GONE, **fields})


def _event_upsert(**fields: Any) -> document_event_pb2.DocumentEvent:
    return EVENT(document="a/b", upsert=EVENT_UPSERT(**{"text": "x", **fields}))


VALUE = document_pb2.MetadataValue
EVENT_UPSERT = document_event_pb2.EventUpsert
GONE = document_event_pb2.EventDelete()
TURN = query_service_pb2.Turn
HEADER = ingest_service_pb2.DocumentHeader
USER = query_service_pb2.ROLE_USER

GOOD: list[Message] = [
    _search(),
    _search(question="x" * 8192, top_k=1000, collection=NAME, turns=[TURN(role=USER, text="x")] * 64),
    query_service_pb2.QueryRequest(
        search=query_service_pb2.Search(question="When?"),
        format=query_service_pb2.ANSWER_FORMAT_JSON,
        json_schema="x" * 16384,
    ),
    query_service_pb2.RetrieveRequest(search=query_service_pb2.Search(question="When?")),
    query_service_pb2.QueryRequest(search=query_service_pb2.Search(question="When?"), max_cost_micros=0),
    query_service_pb2.CheckGroundingRequest(text="It is so.", passages=["So it is."]),
    _upsert(),
    _upsert(text="", version=1),
    _upsert(name=f"{NAME}/documents/" + "ü" * 256),
    _fields(metadata={"k": VALUE(list_value=document_pb2.MetadataList(values=[VALUE(bool_value=True)]))}),
    _fields(readers=document_pb2.Readers()),
    _step(header=HEADER(name=DOCUMENT, size_bytes=1)),
    _step(part=ingest_service_pb2.ContentPart(data=bytes(4 * 1024 * 1024))),
    _step(deletion=ingest_service_pb2.DocumentDeletion(name=DOCUMENT)),
    ingest_service_pb2.DeleteDocumentRequest(name=DOCUMENT, version=2**62),
    ingest_service_pb2.GetDocumentRequest(name=DOCUMENT),
    ingest_service_pb2.ListDocumentsRequest(parent=NAME, page_size=1000),
    ingest_service_pb2.PurgeDocumentsRequest(parent=NAME, filter="*", force=True),
    admin_service_pb2.CreateCollectionRequest(collection=admin_service_pb2.Collection(name=NAME)),
    admin_service_pb2.UpdateCollectionRequest(collection=admin_service_pb2.Collection(name=NAME)),
    admin_service_pb2.GetCollectionRequest(name=NAME),
    admin_service_pb2.DeleteCollectionRequest(name=NAME),
    admin_service_pb2.ListCollectionsRequest(parent="tenants/default"),
    admin_service_pb2.CreatePromptRequest(parent=NAME, prompt=admin_service_pb2.Prompt(system="x" * 16384)),
    admin_service_pb2.GetPromptRequest(name=PROMPT),
    admin_service_pb2.ListPromptsRequest(parent=NAME),
    admin_service_pb2.ActivatePromptRequest(name=f"{NAME}/prompts/0"),
    admin_service_pb2.RollBackPromptRequest(parent=NAME),
    admin_service_pb2.DiffPromptsRequest(name=PROMPT, other_version=0),
    admin_service_pb2.ListPromptActivationsRequest(parent=NAME, page_size=1000),
    admin_service_pb2.ListDeadLettersRequest(page_size=1000),
    admin_service_pb2.GetDeadLetterRequest(id=2**63 - 1, value_offset=2**40, max_value_bytes=64 * 1024 * 1024),
    admin_service_pb2.ReplayDeadLetterRequest(id=1, force=True),
    admin_service_pb2.DiscardDeadLetterRequest(id=1),
    admin_service_pb2.VerifyRequest(),
    admin_service_pb2.VerifyRequest(collections=[NAME] * 1000, repair=True),
    snapshot_pb2.CreateSnapshotRequest(),
    snapshot_pb2.CreateSnapshotRequest(snapshot_id="a-1_b", description="x" * 4096),
    snapshot_pb2.CreateSnapshotRequest(snapshot_id="x" * 63),
    snapshot_pb2.ListSnapshotsRequest(page_size=1000, verify=True),
    snapshot_pb2.RestoreSnapshotRequest(name="snapshots/20260102-030405", force=True),
    snapshot_pb2.DeleteSnapshotRequest(name="snapshots/a"),
    admin_service_pb2.ListPluginsRequest(),
    admin_service_pb2.GetStatusRequest(),
    *admin_requests.GOOD,
    _event(),
    _event(tenant="a-1_b", collection="x" * 63, document="ü" * 256, version=2**62),
    _event_upsert(title="x" * 1024, uri="x" * 2048, filename="x" * 1024, mime_type="x" * 255),
    _event_upsert(metadata={str(i): Value(string_value="v") for i in range(256)}, readers=document_pb2.Readers()),
    EVENT(document="a", upsert=EVENT_UPSERT(data=b"")),
    EVENT(document="a", upsert=EVENT_UPSERT(reference="s3://bucket/a%20b")),
]

BAD: list[tuple[Message, str]] = [
    (query_service_pb2.QueryRequest(), "search"),
    (
        query_service_pb2.QueryRequest(search=query_service_pb2.Search(question="When?"), max_cost_micros=-1),
        "max_cost_micros",
    ),
    (query_service_pb2.RetrieveRequest(), "search"),
    (ingest_service_pb2.PurgeDocumentsRequest(parent=NAME), "filter"),
    (admin_service_pb2.VerifyRequest(collections=[NAME, "handbook"]), "collections[1]"),
    (admin_service_pb2.VerifyRequest(collections=[NAME] * 1001), "collections"),
    (snapshot_pb2.CreateSnapshotRequest(snapshot_id="../a"), "snapshot_id"),
    (snapshot_pb2.CreateSnapshotRequest(snapshot_id="Monday"), "snapshot_id"),
    (snapshot_pb2.CreateSnapshotRequest(snapshot_id="x" * 64), "snapshot_id"),
    (snapshot_pb2.CreateSnapshotRequest(description="x" * 4097), "description"),
    (snapshot_pb2.ListSnapshotsRequest(page_size=1001), "page_size"),
    (snapshot_pb2.RestoreSnapshotRequest(name="monday"), "name"),
    (snapshot_pb2.RestoreSnapshotRequest(name="snapshots/.."), "name"),
    (snapshot_pb2.DeleteSnapshotRequest(name="snapshots/a/b"), "name"),
    (ingest_service_pb2.PurgeDocumentsRequest(parent=NAME, filter="x" * 8193), "filter"),
    (ingest_service_pb2.PurgeDocumentsRequest(parent="handbook", filter="*"), "parent"),
    (query_service_pb2.CheckGroundingRequest(passages=["So it is."]), "text"),
    (query_service_pb2.CheckGroundingRequest(text="It is so."), "passages"),
    (query_service_pb2.CheckGroundingRequest(text="It is so.", passages=["x"] * 65), "passages"),
    (query_service_pb2.CheckGroundingRequest(text="It is so.", passages=["x", ""]), "passages[1]"),
    (query_service_pb2.CheckGroundingRequest(text="x", passages=["x"], collection="default"), "collection"),
    (_search(question=""), "search.question"),
    (_search(question=" \n"), "search.question"),
    (_search(question="x" * 8193), "search.question"),
    (_search(collection="default"), "search.collection"),
    (_search(collection=f"{NAME}/documents/a"), "search.collection"),
    (_search(top_k=-1), "search.top_k"),
    (_search(top_k=1001), "search.top_k"),
    (_search(filter="x" * 8193), "search.filter"),
    (_search(min_watermark="x" * 257), "search.min_watermark"),
    (_search(turns=[TURN(role=USER, text="x")] * 65), "search.turns"),
    (_search(turns=[TURN(role=USER, text="x"), TURN(text="x")]), "search.turns[1].role"),
    (_search(turns=[TURN(role=99, text="x")]), "search.turns[0].role"),  # type: ignore[arg-type]
    (_search(turns=[TURN(role=USER)]), "search.turns[0].text"),
    (_search(stage_options={str(i): {} for i in range(33)}), "search.stage_options"),
    (_search(stage_options={"x" * 65: {}}), "search.stage_options"),
    (query_service_pb2.QueryRequest(search=_search().search, context_tokens=-1), "context_tokens"),
    (query_service_pb2.QueryRequest(search=_search().search, max_output_tokens=100_001), "max_output_tokens"),
    (query_service_pb2.QueryRequest(search=_search().search, format=9), "format"),  # type: ignore[arg-type]
    (query_service_pb2.QueryRequest(search=_search().search, json_schema="ü" * 8193), "json_schema"),
    (ingest_service_pb2.UpsertDocumentRequest(name=DOCUMENT), "content"),
    (_upsert(name=""), "name"),
    (_upsert(name="a"), "name"),
    (_upsert(name=f"{NAME}/documents/"), "name"),
    (_upsert(name=f"{NAME}/documents/a\nb"), "name"),
    (_upsert(name=f"{NAME}/documents/a\x7f"), "name"),
    (_upsert(name=f"{NAME}/documents/{'x' * 800}"), "name"),
    (_upsert(version=0), "version"),
    (_fields(title="x" * 1025), "fields.title"),
    (_fields(uri="x" * 2049), "fields.uri"),
    (_fields(filename="x" * 1025), "fields.filename"),
    (_fields(mime_type="x" * 256), "fields.mime_type"),
    (_fields(metadata={"": VALUE(bool_value=True)}), "fields.metadata"),
    (_fields(metadata={str(i): VALUE(bool_value=True) for i in range(257)}), "fields.metadata"),
    (_fields(metadata={"k": VALUE()}), "fields.metadata"),
    (_fields(metadata={"k": VALUE(number_value=float("nan"))}), "fields.metadata"),
    (_fields(metadata={"k": VALUE(string_value="ü" * 32769)}), "fields.metadata"),
    (_fields(readers=document_pb2.Readers(principals=[""])), "fields.readers.principals"),
    (_fields(readers=document_pb2.Readers(principals=["x"] * 1001)), "fields.readers.principals"),
    (ingest_service_pb2.IngestRequest(sequence=1), "action"),
    (_step(header=HEADER(name=DOCUMENT)), "header.content"),
    (_step(header=HEADER(name=DOCUMENT, size_bytes=0)), "header.size_bytes"),
    (_step(part=ingest_service_pb2.ContentPart()), "part.data"),
    (_step(part=ingest_service_pb2.ContentPart(data=bytes(4 * 1024 * 1024 + 1))), "part.data"),
    (_step(deletion=ingest_service_pb2.DocumentDeletion(name="a")), "deletion.name"),
    (ingest_service_pb2.DeleteDocumentRequest(name="a"), "name"),
    (ingest_service_pb2.DeleteDocumentRequest(name=DOCUMENT, version=-1), "version"),
    (ingest_service_pb2.GetDocumentRequest(name=NAME), "name"),
    (ingest_service_pb2.ListDocumentsRequest(), "parent"),
    (ingest_service_pb2.ListDocumentsRequest(parent=NAME, page_size=-1), "page_size"),
    (ingest_service_pb2.ListDocumentsRequest(parent=NAME, page_token="x" * 1025), "page_token"),
    (admin_service_pb2.CreateCollectionRequest(), "collection"),
    (admin_service_pb2.CreateCollectionRequest(collection=admin_service_pb2.Collection(name="hr")), "collection.name"),
    (
        admin_service_pb2.UpdateCollectionRequest(
            collection=admin_service_pb2.Collection(name=NAME, default_readers=9)  # type: ignore[arg-type]
        ),
        "collection.default_readers",
    ),
    (admin_service_pb2.GetCollectionRequest(), "name"),
    (admin_service_pb2.DeleteCollectionRequest(name="hr"), "name"),
    (admin_service_pb2.ListCollectionsRequest(parent=NAME), "parent"),
    (admin_service_pb2.ListCollectionsRequest(parent="tenants/default", page_size=1001), "page_size"),
    (admin_service_pb2.CreatePromptRequest(parent=NAME), "prompt"),
    (admin_service_pb2.CreatePromptRequest(parent="a", prompt=admin_service_pb2.Prompt()), "parent"),
    (_prompt(system="x" * 16385), "prompt.system"),
    (_prompt(user="x" * 16385), "prompt.user"),
    (_prompt(description="x" * 4097), "prompt.description"),
    (admin_service_pb2.GetPromptRequest(name=NAME), "name"),
    (admin_service_pb2.GetPromptRequest(name=f"{NAME}/prompts/01"), "name"),
    (admin_service_pb2.ListPromptsRequest(parent=NAME, page_size=-1), "page_size"),
    (admin_service_pb2.ActivatePromptRequest(name=f"{NAME}/prompts/one"), "name"),
    (admin_service_pb2.RollBackPromptRequest(parent=PROMPT), "parent"),
    (admin_service_pb2.DiffPromptsRequest(name=PROMPT, other_version=-1), "other_version"),
    (admin_service_pb2.ListPromptActivationsRequest(parent=NAME, page_token="x" * 1025), "page_token"),
    *admin_requests.BAD,
    (EVENT(document="a"), "action"),
    (_event(tenant="A"), "tenant"),
    (_event(collection="a/b"), "collection"),
    (_event(collection="x" * 64), "collection"),
    (_event(collection="a\n"), "collection"),
    (_event(document=""), "document"),
    (_event(document="a\nb"), "document"),
    (_event(document="ü" * 257), "document"),
    (_event(version=0), "version"),
    (EVENT(document="a", upsert=EVENT_UPSERT()), "upsert.content"),
    (_event_upsert(title="x" * 1025), "upsert.title"),
    (_event_upsert(uri="x" * 2049), "upsert.uri"),
    (_event_upsert(filename="x" * 1025), "upsert.filename"),
    (_event_upsert(mime_type="x" * 256), "upsert.mime_type"),
    (_event_upsert(metadata={"": Value(bool_value=True)}), "upsert.metadata"),
    (_event_upsert(metadata={str(i): Value(bool_value=True) for i in range(257)}), "upsert.metadata"),
    (_event_upsert(readers=document_pb2.Readers(principals=["x" * 257])), "upsert.readers.principals"),
    (_event_upsert(reference="bucket/a"), "upsert.reference"),
    (_event_upsert(reference="s3://bucket/a b"), "upsert.reference"),
    (_event_upsert(reference=f"s3://{'x' * 2044}"), "upsert.reference"),
    (admin_service_pb2.ListDeadLettersRequest(page_size=1001), "page_size"),
    (admin_service_pb2.ListDeadLettersRequest(page_token="x" * 1025), "page_token"),
    (admin_service_pb2.GetDeadLetterRequest(), "id"),
    (admin_service_pb2.GetDeadLetterRequest(id=1, value_offset=-1), "value_offset"),
    (admin_service_pb2.GetDeadLetterRequest(id=1, max_value_bytes=64 * 1024 * 1024 + 1), "max_value_bytes"),
    (admin_service_pb2.ReplayDeadLetterRequest(id=-1), "id"),
    (admin_service_pb2.DiscardDeadLetterRequest(id=0), "id"),
]


@pytest.mark.parametrize("request_", GOOD, ids=lambda m: m.DESCRIPTOR.name)
def test_a_request_within_the_rules_passes(request_: Message) -> None:
    validate(request_)


@pytest.mark.parametrize(("request_", "field"), BAD, ids=lambda v: v if isinstance(v, str) else v.DESCRIPTOR.name)
def test_a_request_that_breaks_a_rule_is_refused_at_its_field(request_: Message, field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        validate(request_)
    named = [violation.field for violation in error.value.violations]
    assert any(name.startswith(field) for name in named), (named, str(error.value))


def test_every_request_is_tried() -> None:
    requests = set(_requests())
    assert {message.DESCRIPTOR.full_name for message in GOOD} == requests
    without_rules = {"ragstone.v1.ListPluginsRequest", "ragstone.v1.GetStatusRequest"}  # they have no fields
    assert {message.DESCRIPTOR.full_name for message, _ in BAD} == requests - without_rules


def test_an_upsert_has_the_fields_and_rules_that_a_document_has_elsewhere() -> None:
    ours, theirs = (
        {f.name: (f.number, f.GetOptions().SerializeToString()) for f in message.DESCRIPTOR.fields}
        for message in (EVENT_UPSERT, document_pb2.DocumentFields)
    )
    content = {f.name for f in EVENT_UPSERT.DESCRIPTOR.oneofs_by_name["content"].fields}
    assert {name: rule for name, rule in ours.items() if name not in content} == theirs
