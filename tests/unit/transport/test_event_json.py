"""What is put into the message past the library is what the library would have put there."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict, ParseError
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.v1.document_event_pb2 import DocumentEvent
from ragstone_server.spi.errors import InvalidEvent
from ragstone_server.transport.convert.event_json import event_from_json

odd: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.sampled_from(
        ["1", "01", "-1", "+1", " 1", "1.0", "1e2", "١", "9" * 20, "9" * 5000, 2**53, 2**53 + 1, 2**70, 1e300]
    ),
    st.sampled_from(["\ud800", "", "a\x00b"]),
    st.lists(st.integers(), max_size=2),
    st.just({"timestampValue": "2025-06-30T12:00:00Z"}),
)
values = odd | st.lists(odd, max_size=2)
upserts = st.dictionaries(
    st.sampled_from(["title", "uri", "filename", "mimeType", "mime_type", "text", "data", "reference"]), odd, max_size=4
)
upserts_with_more = st.builds(
    lambda fields, metadata, readers: fields | metadata | readers,
    upserts,
    st.fixed_dictionaries({}, optional={"metadata": st.dictionaries(st.text(max_size=2), values, max_size=3) | odd}),
    st.fixed_dictionaries({}, optional={"readers": st.just({"principals": ["a"]}) | st.just({}) | odd}),
)
any_event = st.builds(
    lambda fields, action: fields | action,
    st.dictionaries(st.sampled_from(["collection", "document", "tenant", "version"]), odd, max_size=4),
    st.one_of(
        st.just({}),
        st.just({"delete": {}}),
        st.fixed_dictionaries({"upsert": upserts_with_more}),
        st.fixed_dictionaries({"upsert": odd, "delete": odd}),
    ),
)


@settings(max_examples=300)
@given(any_event)
def test_it_is_what_the_library_reads(event: dict[str, Any]) -> None:
    try:
        read = event_from_json(json.dumps(event).encode())
    except InvalidEvent:
        return
    assert read.SerializeToString(deterministic=True) == _by_the_library(event).SerializeToString(deterministic=True)


@settings(max_examples=300)
@given(any_event)
def test_it_refuses_nothing_else(event: dict[str, Any]) -> None:
    try:
        _by_the_library(event)
    except (ParseError, AttributeError, TypeError, SystemError):  # what is no object ends in any of them
        return
    try:
        event_from_json(json.dumps(event).encode())
    except InvalidEvent as error:
        assert any(ours in error.message for ours in ("base64", "send one of them", "send an object"))


@pytest.mark.parametrize(
    "twice", ['{"upsert": {"mimeType": "a", "mime_type": "a"}}', '{"upsert": {"text": "", "data": ""}}']
)
def test_what_is_said_twice_is_refused(twice: str) -> None:
    with pytest.raises(InvalidEvent, match="send one of them"):
        event_from_json(twice.encode())


def test_a_byte_order_mark_does_not_count() -> None:
    assert event_from_json(b'\xef\xbb\xbf{"document": "a"}').document == "a"
    with pytest.raises(InvalidEvent, match="byte 14 is"):
        event_from_json(b'\xef\xbb\xbf{"document": "\xff"}')


def _by_the_library(event: dict[str, Any]) -> DocumentEvent:
    return ParseDict(event, DocumentEvent())
