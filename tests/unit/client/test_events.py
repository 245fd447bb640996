"""Events of the client: built, keyed, checked, encoded, and read back as they were meant."""

import doctest
import importlib
import json
import pkgutil
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone import InvalidArgument, events
from ragstone.events import DocumentEvent, Format, Record
from ragstone.v1.document_event_pb2 import EventDelete, EventUpsert
from ragstone.v1.document_pb2 import Readers

MODULES = [module.name for module in pkgutil.walk_packages(events.__path__, "ragstone.events.")]


@pytest.mark.parametrize("module", ["ragstone.events", *MODULES])
def test_the_examples_of_the_docstrings_hold(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_the_example_of_the_contract_is_built() -> None:
    event = events.upsert(
        "default", "doc-1", version=7, title="..", text="..", mime_type="text/plain", metadata={"k": "v"}
    )
    key, value, headers = events.encode(event, "json")
    assert (key, headers) == (b"default/doc-1", [("content-type", b"application/json")])
    assert value is not None
    assert json.loads(value) == {
        "collection": "default",
        "document": "doc-1",
        "version": "7",
        "upsert": {"title": "..", "text": "..", "mimeType": "text/plain", "metadata": {"k": "v"}},
    }
    deletion = events.encode(events.delete("default", "doc-1"), "json").value
    assert json.loads(deletion or b"") == {"collection": "default", "document": "doc-1", "delete": {}}


def test_every_field_gets_where_it_belongs() -> None:
    noon = datetime(2025, 6, 30, 12, tzinfo=timezone(timedelta(hours=2)))
    event = events.upsert(
        "hr",
        "a/b",
        tenant="acme",
        content=b"%PDF",
        version=2**63 - 1,
        uri="u",
        filename="f",
        metadata={"n": 1, "b": True, "t": noon, "l": ["x"], "e": []},
        readers=["user:ada"],
    )
    times = {"timestampValue": Value(string_value="2025-06-30T10:00:00Z")}
    assert event == DocumentEvent(
        tenant="acme",
        collection="hr",
        document="a/b",
        version=2**63 - 1,
        upsert=EventUpsert(
            data=b"%PDF",
            uri="u",
            filename="f",
            metadata={
                "n": Value(number_value=1),
                "b": Value(bool_value=True),
                "t": Value(struct_value=Struct(fields=times)),
                "l": Value(list_value=ListValue(values=[Value(string_value="x")])),
                "e": Value(list_value=ListValue()),
            },
            readers=Readers(principals=["user:ada"]),
        ),
    )


def test_a_time_without_a_zone_is_local() -> None:
    event = events.upsert("hr", "d", text="x", metadata={"t": datetime(2025, 6, 30, 12)})
    said = event.upsert.metadata["t"].struct_value.fields["timestampValue"].string_value
    assert datetime.fromisoformat(said) == datetime(2025, 6, 30, 12).astimezone(UTC)


def test_no_readers_and_an_empty_list_are_two_things() -> None:
    assert not events.upsert("hr", "d", text="x").upsert.HasField("readers")
    assert events.upsert("hr", "d", text="x", readers=[]).upsert.HasField("readers")


@pytest.mark.parametrize(
    ("names", "tenant", "key"),
    [
        (("hr", "doc-1"), "", b"hr/doc-1"),
        (("hr", "doc-1"), "default", b"hr/doc-1"),
        (("hr", "a/b:c"), "", b"hr/a/b:c"),
        (("hr", "ü"), "acme", "acme:hr/ü".encode()),
        (("", "a/b"), "", b"a/b"),
    ],
)
def test_a_document_has_one_key(names: tuple[str, str], tenant: str, key: bytes) -> None:
    collection, document = names
    written = [
        events.encode(events.upsert(collection, document, text="x", tenant=tenant)),
        events.encode(events.delete(collection, document, tenant=tenant), Format.JSON),
        events.tombstone(collection, document, tenant=tenant),
    ]
    assert [record.key for record in written] == [key] * 3
    assert written[2] == Record(key, None, [])


def test_a_record_names_its_parts_as_the_kafka_clients_do() -> None:
    assert set(events.tombstone("hr", "d")._asdict()) == {"key", "value", "headers"}
    assert events.encode(events.delete("hr", "d")).headers == [("content-type", b"application/protobuf")]


# What is refused: at its field, before anything is sent.

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"document": ""}, "document", "1 to 512 bytes"),
    ({"document": "a\n"}, "document", "no control characters"),
    ({"document": "ü" * 257}, "document", "1 to 512 bytes"),
    ({"document": "\ud800"}, "document", "surrogate"),
    ({"collection": "HR"}, "collection", "1 to 63 of a-z"),
    ({"collection": "hr\n"}, "collection", "1 to 63 of a-z"),
    ({"collection": "tenants/default/collections/hr"}, "collection", "1 to 63 of a-z"),
    ({"tenant": "a:b"}, "tenant", "1 to 63 of a-z"),
    ({"version": 0}, "version", "from 1 to 9223372036854775807"),
    ({"version": 2**63}, "version", "from 1 to 9223372036854775807"),
    ({"text": None}, "upsert.content", "text, content or reference"),
    ({"content": b"x"}, "upsert.content", "text and content"),
    ({"text": None, "reference": "bucket/key"}, "upsert.reference", "https://files.example.com/manual.pdf"),
    ({"text": None, "reference": "s3://bucket/a b"}, "upsert.reference", "percent-encoded"),
    ({"text": None, "reference": f"s3://{'x' * 2048}"}, "upsert.reference", "the limit is 2048"),
    ({"text": "a \ud800 b"}, "upsert.text", "character 2 is half of a surrogate pair"),
    ({"title": "x" * 1025}, "upsert.title", "1025 characters, and the limit is 1024"),
    ({"uri": "x" * 2049}, "upsert.uri", "the limit is 2048"),
    ({"filename": "x" * 1025}, "upsert.filename", "the limit is 1024"),
    ({"mime_type": "x" * 256}, "upsert.mime_type", "the limit is 255"),
    ({"metadata": {str(i): i for i in range(257)}}, "upsert.metadata", "257 keys, and the limit is 256"),
    ({"metadata": {"": "x"}}, "upsert.metadata", "1 to 256 characters"),
    ({"metadata": {"k": "x" * 65537}}, "upsert.metadata['k']", "at most 65536 bytes"),
    ({"metadata": {"k": "\ud800"}}, "upsert.metadata['k']", "surrogate"),
    ({"metadata": {"k": float("nan")}}, "upsert.metadata['k']", "finite"),
    ({"metadata": {"k": 10**400}}, "upsert.metadata['k']", "send it as text"),
    ({"metadata": {"k": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))}}, "upsert.metadata['k']", "years 1"),
    ({"metadata": {"k": [1, "a"]}}, "upsert.metadata['k']", "one type"),
    ({"metadata": {"k": [1] * 1001}}, "upsert.metadata['k']", "at most 1000"),
    ({"readers": ["user:a"] * 1001}, "upsert.readers", "the limit is 1000"),
    ({"readers": [""]}, "upsert.readers", "1 to 256 characters"),
]


@pytest.mark.parametrize(("fields", "field", "hint"), WRONG, ids=lambda v: v if isinstance(v, str) else "")
def test_what_the_server_would_refuse_raises_at_once(fields: dict[str, Any], field: str, hint: str) -> None:
    arguments = {"collection": "hr", "document": "d", "text": "x", **fields}
    with pytest.raises(InvalidArgument) as caught:
        events.upsert(**arguments)
    assert caught.value.reason == "INVALID_EVENT"
    assert list(caught.value.violations) == [field]
    assert caught.value.message == f"{field}: {caught.value.violations[field]}"
    assert hint in caught.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"text": b"x"},
        {"content": "x", "text": None},
        {"title": 5},
        {"metadata": {"k": None}},
        {"metadata": {"k": {"a": 1}}},
        {"metadata": {"k": [["a"]]}},
        {"metadata": {"k": b"x"}},
        {"readers": "user:ada"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_of_another_type_raises_a_type_error(fields: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(fields))):
        events.upsert("hr", "d", **{"text": "x", **fields})


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (DocumentEvent(collection="hr", document="d"), "action"),
        (DocumentEvent(collection="hr", document="d", version=-1, delete=EventDelete()), "version"),
        (DocumentEvent(collection="hr", document="d", upsert=EventUpsert()), "upsert.content"),
        *(
            (DocumentEvent(collection="hr", document="d", upsert=EventUpsert(text="x", metadata={"k": value})), field)
            for field in ("upsert.metadata['k']",)
            for value in (
                Value(),
                Value(null_value=0),  # type: ignore[arg-type]  # the generated types know the name only
                Value(struct_value=Struct()),
                Value(struct_value=Struct(fields={"timestampValue": Value(string_value="soon")})),
                Value(list_value=ListValue(values=[Value(list_value=ListValue())])),
            )
        ),
    ],
)
def test_a_message_of_ones_own_is_checked_too(event: DocumentEvent, field: str) -> None:
    for check in (events.validate, events.encode):
        with pytest.raises(InvalidArgument) as caught:
            check(event)
        assert list(caught.value.violations) == [field]


def test_every_field_that_is_wrong_is_named() -> None:
    event = DocumentEvent(collection="HR", upsert=EventUpsert(text="x", title="x" * 1025))
    with pytest.raises(InvalidArgument) as caught:
        events.validate(event)
    assert set(caught.value.violations) == {"collection", "document", "upsert.title"}


@pytest.mark.parametrize("format_", Format)
def test_what_is_too_large_for_a_record_says_what_to_do(format_: Format) -> None:
    event = events.upsert("hr", "manual", text="x" * events.MAX_RECORD_BYTES)
    with pytest.raises(InvalidArgument, match=r"document 'manual' takes .* send its URI as `reference`") as caught:
        events.encode(event, format_)
    assert caught.value.reason == "DOCUMENT_TOO_LARGE"
    assert caught.value.metadata == {"limit_bytes": "1048576"}
    assert events.encode(event, format_, max_bytes=2 * events.MAX_RECORD_BYTES).value


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="protobuf or json, not 'avro'"):
        events.encode(events.delete("hr", "d"), "avro")


texts = st.text(st.characters(codec="utf-8"), max_size=20)
scalars: list[st.SearchStrategy[Any]] = [
    texts,
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)),
]
metadatas = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
    st.one_of(*scalars, *(st.lists(scalar, max_size=3) for scalar in scalars)),
    max_size=4,
)


@settings(deadline=None)  # two cores, shared
@given(texts, texts, metadatas, st.none() | st.integers(1, 2**63 - 1), st.none() | st.lists(texts.filter(bool)))
def test_an_event_survives_both_formats(
    text: str, title: str, metadata: Any, version: int | None, readers: list[str] | None
) -> None:
    event = events.upsert("hr", "d", text=text, title=title, metadata=metadata, version=version, readers=readers)
    as_protobuf, as_json = (events.encode(event, format_).value or b"" for format_ in Format)
    assert DocumentEvent.FromString(as_protobuf) == event
    assert Parse(as_json, DocumentEvent()) == event
    assert b"\n" not in as_json  # one line, for kcat and the like
