"""Records that say nothing of a document: refused at their field, with what to send instead."""

import json
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.v1.document_event_pb2 import DocumentEvent, EventUpsert
from ragstone.v1.document_pb2 import Readers
from ragstone_server.spi.errors import InvalidEvent
from ragstone_server.spi.reasons import Reason
from ragstone_server.transport.convert.events import decode
from tests.unit.transport.records import JSON, PROTOBUF, said

GOOD: dict[str, Any] = {"collection": "default", "document": "d"}


def upsert(**fields: Any) -> dict[str, Any]:
    return {**GOOD, "upsert": {"text": "x", **fields}}


def metadata(value: Any) -> dict[str, Any]:
    return upsert(metadata={"k": value})


REFUSED: list[tuple[Any, str, str]] = [
    ({"document": "d", "delete": {}}, "collection", "name the collection in the event"),
    ({**GOOD, "collection": "A", "delete": {}}, "collection", "1 to 63 of a-z"),
    ({**GOOD, "tenant": "a/b", "delete": {}}, "tenant", "1 to 63 of a-z"),
    ({**GOOD, "collection": "tenants/default/collections/hr", "delete": {}}, "collection", "the tenant has a field"),
    ({"collection": "default", "delete": {}}, "document", "1 to 512 bytes"),
    ({**GOOD, "document": "a\n", "delete": {}}, "document", "no control characters"),
    ({**GOOD, "version": 0, "delete": {}}, "version", "greater than 0"),
    ({**GOOD, "version": "seven", "delete": {}}, "value", "seven"),
    (GOOD, "action", "send upsert with its fields, or delete with {}"),
    ({**GOOD, "delete": None}, "action", "send upsert with its fields, or delete with {}"),
    ({**GOOD, "delete": {}, "upsert": {"text": "x"}}, "value", "delete and upsert; send one of them"),
    ({**GOOD, "upsert": {}}, "upsert.content", "text, data or reference"),
    ({**GOOD, "upsert": {"text": "x", "reference": "s3://b/k"}}, "upsert", "text and reference; send one of them"),
    ({**GOOD, "upsert": "x"}, "upsert", "send an object"),
    ([GOOD], "value", "send an object"),
    ({**GOOD, "docment": "d"}, "docment", "the fields here are tenant, collection, document, version, upsert, delete"),
    (upsert(mime="x"), "upsert.mime", "mimeType"),
    (upsert(readers={"users": []}), "upsert.readers.users", "principals"),
    (upsert(readers=["user:ada"]), "upsert.readers", "send an object"),
    (upsert(title="x" * 1025), "upsert.title", "1024"),
    ({**GOOD, "upsert": {"data": "%%%"}}, "upsert.data", "base64"),
    ({**GOOD, "upsert": {"data": "A"}}, "upsert.data", "base64"),
    ({**GOOD, "upsert": {"data": "ü"}}, "upsert.data", "base64"),
    ({**GOOD, "upsert": {"reference": "/a/b"}}, "upsert.reference", "https://files.example.com/manual.pdf"),
    (upsert(metadata=["x" * 1000]), "value", "Map field metadata"),
    (upsert(metadata={"": "v"}), "upsert.metadata[]", "at least 1"),
    (metadata(None), "upsert.metadata['k']", "leave the key out"),
    (metadata([None]), "upsert.metadata['k']", "leave the key out"),
    (metadata([[]]), "upsert.metadata['k']", "no lists"),
    (metadata([1, "a"]), "upsert.metadata['k']", "one type"),
    (metadata({"a": 1}), "upsert.metadata['k']", "timestampValue"),
    (metadata({}), "upsert.metadata['k']", "timestampValue"),
    (metadata({"timestampValue": "2025-06-30"}), "upsert.metadata['k']", "'2025-06-30' is no point in time"),
    (metadata({"timestampValue": 1}), "upsert.metadata['k']", "no point in time"),
    (metadata("x" * 65537), "upsert.metadata[k].string_value", "65536"),
    (metadata(["x"] * 1001), "upsert.metadata[k].list_value.values", "1000"),
]


@pytest.mark.parametrize(("event", "field", "hint"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_what_is_wrong_is_refused_at_its_field(event: Any, field: str, hint: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        said(event)
    assert caught.value.reason is Reason.INVALID_EVENT
    assert caught.value.metadata == {"field": field}
    assert hint in caught.value.message
    assert caught.value.message.startswith(field)
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("value", "headers", "hint"),
    [
        (b"", JSON, "kcat: -Z"),
        (b"", [], "kcat: -Z"),
        (b"\x00\x00\x00\x00\x01\x00\x0a", [], "schema registry"),
        (b"hello", [], "JSON needs content-type: application/json"),
        (b"hello", PROTOBUF, "no protobuf of ragstone.v1.DocumentEvent"),
        (b"hello", JSON, "no JSON"),
        (b"\xff{", JSON, "byte 0 is not UTF-8"),
        (b'{"document": "d", "document": "e"}', JSON, "'document' is there twice"),
        (b'{"upsert": {"metadata": {"k": NaN}}}', JSON, "NaN is no number of JSON"),
        (b'{"upsert": {"metadata": {"k": 1e999}}}', JSON, "collection"),
        (b'{"version": ' + b"1" * 5000 + b"}", JSON, "no JSON"),
        (b"[" * 100_000, JSON, "nested too deeply"),
        (b'{"upsert":{"metadata":{"k":' + b"[" * 200 + b"]" * 200 + b"}}}", JSON, "no DocumentEvent"),
        (b'{"document": "\\ud800"}', JSON, "no DocumentEvent"),
        (b"{}", [("content-type", b"text/plain")], "send application/json"),
        (b"{}", [("content-type", b"application/json; charset=latin1")], "in UTF-8"),
        (b"{}", [("content-type", b"\xff")], "send application/json"),
    ],
)
def test_what_cannot_be_read_is_refused(value: bytes, headers: list[tuple[str, bytes]], hint: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode(b"key", value, headers, 5)
    assert hint in caught.value.message
    assert set(caught.value.metadata) == {"field"}


@pytest.mark.parametrize(
    "value",
    [Value(), Value(number_value=float("nan")), Value(number_value=float("inf")), Value(struct_value=Struct())],
    ids=["nothing", "no number", "infinite", "an object"],
)
def test_metadata_that_only_protobuf_can_say_is_refused_too(value: Value) -> None:
    event = DocumentEvent(collection="default", document="d", upsert=EventUpsert(text="x", metadata={"k": value}))
    with pytest.raises(InvalidEvent, match=r"^upsert\.metadata\["):
        decode(None, event.SerializeToString(), PROTOBUF, 5)


def test_every_broken_rule_is_named() -> None:
    event = DocumentEvent(
        collection="default",
        document="d",
        version=0,
        upsert=EventUpsert(text="x", title="x" * 1025, readers=Readers(principals=[""])),
    )
    with pytest.raises(InvalidEvent) as caught:
        decode(None, event.SerializeToString(), PROTOBUF, 5)
    assert {v.field for v in caught.value.violations} == {"version", "upsert.title", "upsert.readers.principals[0]"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
upserts = st.dictionaries(st.sampled_from([f.name for f in EventUpsert.DESCRIPTOR.fields]), json_values, max_size=4)
events = st.fixed_dictionaries(
    {},
    optional={
        "tenant": json_values,
        "collection": st.just("default") | json_values,
        "document": st.just("d") | json_values,
        "version": json_values,
        "upsert": upserts | st.fixed_dictionaries({"text": st.just("x"), "metadata": json_values}) | json_values,
        "delete": json_values,
    },
)


@settings(deadline=None)  # two cores, shared
@given(st.none() | st.binary(max_size=8), events)
def test_any_json_is_an_event_or_refused(key: bytes | None, event: Any) -> None:
    _read_or_refused(key, json.dumps(event).encode(), JSON)


@settings(deadline=None)  # two cores, shared
@given(st.none() | st.binary(max_size=8), st.binary())
def test_any_bytes_are_an_event_or_refused(key: bytes | None, value: bytes) -> None:
    for headers in ([], JSON, PROTOBUF):
        _read_or_refused(key, value, headers)


def _read_or_refused(key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    try:
        assert decode(key, value, headers, 5).name
    except InvalidEvent as error:
        assert error.message.startswith(error.metadata["field"])
