"""Records of a topic: what they say of a document."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.v1.document_event_pb2 import DocumentEvent, EventDelete, EventUpsert
from ragstone_server.pipelines.document_events import (
    DeleteEvent,
    ReferenceEvent,
    UpsertEvent,
)
from ragstone_server.pipelines.ingest import Upload
from ragstone_server.spi.names import DocumentName
from ragstone_server.transport.convert.event_keys import key_of
from ragstone_server.transport.convert.events import decode
from tests.unit.transport.records import CREW, JSON, PROTOBUF, document, names, said

EXAMPLE = {
    "collection": "default",
    "document": "doc-1",
    "version": "7",
    "upsert": {"title": "T", "text": "Hello.", "mimeType": "text/plain", "metadata": {"k": "v"}},
}
UPLOAD = Upload(
    name=DocumentName.parse("tenants/default/collections/default/documents/doc-1"),
    content="Hello.",
    version=7,
    title="T",
    uri="",
    filename=None,
    mime_type="text/plain",
    metadata={"k": "v"},
    readers=None,
)
UPSERT = UpsertEvent(upload=UPLOAD, record_time_micros=5_000)


def test_the_example_of_the_contract_is_read() -> None:
    assert said(EXAMPLE) == UPSERT


def test_it_is_read_as_protobuf() -> None:
    upsert = EventUpsert(title="T", text="Hello.", mime_type="text/plain", metadata={"k": Value(string_value="v")})
    event = DocumentEvent(collection="default", document="doc-1", version=7, upsert=upsert)
    assert decode(b"default/doc-1", event.SerializeToString(), PROTOBUF, 5) == UPSERT


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("trace", b"x"), ("Content-Type", b"Application/JSON ; charset=UTF-8")],
        [("content-type", b"text/plain"), ("content-type", b"application/json")],
    ],
    ids=["none", "capitals and parameters", "the last one counts"],
)
def test_json_is_told_by_header_or_by_its_first_byte(headers: list[tuple[str, bytes]]) -> None:
    assert decode(None, b" \n" + json.dumps(EXAMPLE).encode(), headers, 5) == UPSERT


def test_a_byte_order_mark_does_no_harm() -> None:
    assert decode(None, b"\xef\xbb\xbf" + json.dumps(EXAMPLE).encode(), [], 5) == UPSERT


@pytest.mark.parametrize("kind", [b"application/x-protobuf", b"application/vnd.google.protobuf", None])
def test_protobuf_has_several_names_and_needs_none(kind: bytes | None) -> None:
    event = DocumentEvent(collection="default", document="d", delete=EventDelete())
    headers = [] if kind is None else [("content-type", kind)]
    assert decode(None, event.SerializeToString(), headers, 5) == DeleteEvent(
        name=document("d"), version=None, record_time_micros=5_000
    )


def test_a_deletion_and_names_as_the_contract_spells_them() -> None:
    event = {"tenant": "acme", "collection": "crew", "document": "a/b", "version": 9, "delete": {}}
    assert said(event) == DeleteEvent(name=document("a/b", CREW), version=9, record_time_micros=5_000)
    upsert = said({"collection": "default", "document": "d", "upsert": {"text": "x", "mime_type": "text/html"}})
    assert isinstance(upsert, UpsertEvent)
    assert (upsert.upload.mime_type, upsert.upload.version) == ("text/html", None)


def test_bytes_of_a_file_come_in_base64() -> None:
    for data in ("AP/+", "AP_-", "AP/+AA", "AP/+AA=="):
        event = said({"collection": "default", "document": "d", "upsert": {"data": data}})
        assert isinstance(event, UpsertEvent)
        assert event.upload.content == b"\x00\xff\xfe" + b"\x00" * (len(data) > 4)


def test_a_reference_is_carried_and_takes_its_content_later() -> None:
    event = said({"collection": "default", "document": "d", "upsert": {"title": "T", "reference": "s3://b/k"}})
    assert isinstance(event, ReferenceEvent)
    assert (event.reference, event.name, event.without_content.content) == ("s3://b/k", document("d"), b"")
    fetched = event.with_content(b"%PDF")
    assert (fetched.name, fetched.upload.content, fetched.upload.title) == (document("d"), b"%PDF", "T")
    assert fetched.record_time_micros == 5_000


def test_metadata_keep_the_types_of_the_contract() -> None:
    metadata = {
        "text": "v",
        "number": 2,
        "yes": True,
        "day": {"timestampValue": "2025-06-30T12:00:00+02:00"},
        "tags": ["a", "b"],
        "days": [{"timestampValue": "2025-06-30T12:00:00Z"}],
        "none": [],
    }
    event = said({"collection": "default", "document": "d", "upsert": {"text": "x", "metadata": metadata}})
    assert isinstance(event, UpsertEvent)
    assert event.upload.metadata == {
        "text": "v",
        "number": 2.0,
        "yes": True,
        "day": datetime(2025, 6, 30, 10, tzinfo=UTC),
        "tags": ("a", "b"),
        "days": (datetime(2025, 6, 30, 12, tzinfo=UTC),),
        "none": (),
    }


@pytest.mark.parametrize(
    ("readers", "meant"),
    [({}, frozenset()), ({"principals": ["user:ada"]}, frozenset({"user:ada"})), (None, None)],
)
def test_no_readers_and_an_empty_list_are_two_things(readers: Any, meant: frozenset[str] | None) -> None:
    event = said({"collection": "default", "document": "d", "upsert": {"text": "x", "readers": readers}})
    assert isinstance(event, UpsertEvent)
    assert event.upload.readers == meant


@pytest.mark.parametrize(
    ("timestamp_ms", "micros"), [(-1, None), (0, None), (1_750_000_000_123, 1_750_000_000_123_000)]
)
def test_the_time_of_a_record_is_carried_where_it_has_one(timestamp_ms: int, micros: int | None) -> None:
    event = decode(None, b'{"collection":"default","document":"d","delete":{}}', JSON, timestamp_ms)
    assert event == DeleteEvent(name=document("d"), version=None, record_time_micros=micros)


metadata_values = st.text(st.characters(codec="utf-8"), max_size=9) | st.booleans() | st.floats(-1e9, 1e9)


@settings(deadline=None)  # two cores, shared
@given(
    names, st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), metadata_values, max_size=3)
)
def test_json_and_protobuf_say_the_same(name: DocumentName, metadata: dict[str, Any]) -> None:
    struct = Struct()
    struct.update(metadata)
    event = DocumentEvent(
        tenant=name.collection.tenant,
        collection=name.collection.collection,
        document=name.document,
        upsert=EventUpsert(text="x", metadata=dict(struct.fields)),
    )
    key = key_of(name).encode()
    found = decode(key, event.SerializeToString(), PROTOBUF, 5)
    assert found == decode(key, MessageToJson(event).encode(), JSON, 5)
    assert isinstance(found, UpsertEvent)
    assert (found.name, found.upload.metadata) == (name, metadata)
