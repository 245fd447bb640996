"""The contract of events: its page is true, and the client refuses what the server refuses."""

import json
import re
import shlex
from typing import Any, Self

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone import InvalidArgument, events
from ragstone.v1.document_event_pb2 import DocumentEvent, EventDelete, EventUpsert
from ragstone.v1.document_pb2 import Readers
from ragstone_server.pipelines.document_events import DeleteEvent, ReferenceEvent, TombstoneEvent, UpsertEvent
from ragstone_server.spi.errors import InvalidEvent
from ragstone_server.spi.names import CollectionName, DocumentName
from ragstone_server.transport.convert.event_keys import key_of
from ragstone_server.transport.convert.events import decode
from tests.contract.test_documents import blocks

PAGE = "docs/events.md"
JSON = [("content-type", b"application/json")]
BOUND = CollectionName.parse("tenants/default/collections/default")


def on_the_page(language: str) -> list[str]:
    return [block for page, block in blocks(language) if page == PAGE]


# The page.


@pytest.mark.parametrize("block", on_the_page("json"))
def test_the_examples_are_events_and_can_be_sent(block: str) -> None:
    assert decode(None, block.encode(), JSON, 1)
    assert events.encode(ParseDict(json.loads(block), DocumentEvent())).value


class StandIn:
    """A producer that keeps what it is told to send."""

    sent: list[dict[str, Any]]

    def __init__(self, *, bootstrap_servers: str, enable_idempotence: bool) -> None:
        assert bootstrap_servers
        assert enable_idempotence

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send_and_wait(self, topic: str, *, key: bytes, value: bytes | None, headers: list[Any]) -> None:
        assert topic == "documents"
        self.sent.append({"key": key, "value": value, "headers": headers})


def test_the_producer_in_python_runs_and_its_records_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StandIn, "sent", [], raising=False)
    monkeypatch.setattr("aiokafka.AIOKafkaProducer", StandIn)
    (snippet,) = on_the_page("python")
    exec(compile(snippet, PAGE, "exec"), {})
    read = [decode(**record, timestamp_ms=1) for record in StandIn.sent]
    assert [type(event) for event in read] == [UpsertEvent, ReferenceEvent, DeleteEvent, TombstoneEvent]
    assert [event.name.document for event in read] == ["ferry", "manual.pdf", "bus", "tram"]


def test_the_producer_in_java_sends_events_under_their_keys() -> None:
    (snippet,) = on_the_page("java")
    values = dict(re.findall(r'String (\w+) = """\n(.*?)"""', snippet, re.DOTALL))
    sent = re.findall(r'event\("([^"]+)", (\w+)\)', snippet)
    read = [decode(key.encode(), values[v].encode() if v != "null" else None, JSON, 1) for key, v in sent]
    assert [type(event) for event in read] == [UpsertEvent, DeleteEvent, TombstoneEvent]
    assert '"content-type", "application/json"' in snippet


def test_the_lines_of_kcat_send_events_under_their_keys() -> None:
    lines = [line for block in on_the_page("sh") for line in block.splitlines()]
    read = []
    for words in map(shlex.split, lines):
        assert "partitioner=murmur2_random" in words
        if "-Z" in words:
            key, value = words[1].split(words[words.index("-K") + 1])
            assert value == ""
            read.append(decode(key.encode(), None, [], 1))
        else:
            assert words[words.index("-H") + 1] == "content-type=application/json"
            body = re.sub(r"([{,])(\w+):", r'\1"\2":', words[words.index("-Rc") + 1]) if "jq" in words else words[1]
            read.append(
                decode(words[words.index("-k") + 1].encode(), body.replace(":.}", ':"AAAA"}').encode(), JSON, 1)
            )
    assert [type(event) for event in read] == [UpsertEvent, DeleteEvent, UpsertEvent, TombstoneEvent]


# The client checks what the server checks, and keys as it does.

names = st.sampled_from(["", "a", "hr", "HR", "a/b", "-a", "a\n", "a:b", "x" * 63, "x" * 64])
lengths = st.sampled_from([0, 1, 255, 256, 257, 1024, 1025, 2048, 2049])
texts = st.builds(lambda sign, length: sign * length, st.sampled_from(["x", "ü"]), lengths)
scalars = st.one_of(
    st.sampled_from(["", "x", "x" * 65536, "ü" * 32769]).map(lambda text: Value(string_value=text)),
    st.floats().map(lambda number: Value(number_value=number)),
    st.booleans().map(lambda yes: Value(bool_value=yes)),
    st.sampled_from(["2025-06-30T12:00:00Z", "2025-06-30T12:00:00.123+02:00", "2025-06-30", "", "0000-01-01T00:00:00Z"])
    .map(lambda text: Struct(fields={"timestampValue": Value(string_value=text)}))
    .map(lambda struct: Value(struct_value=struct)),
    st.sampled_from([Value(), Value(struct_value=Struct()), Value(list_value=ListValue())]),
)
values = scalars | st.one_of(
    st.lists(scalars, max_size=3),
    st.sampled_from([1000, 1001]).map(lambda n: [Value(bool_value=True)] * n),
).map(lambda elements: Value(list_value=ListValue(values=elements)))
metadata = st.one_of(
    st.dictionaries(st.sampled_from(["", "k", "k" * 256, "k" * 257, "'"]), values, max_size=2),
    st.sampled_from([256, 257]).map(lambda n: {str(i): Value(bool_value=True) for i in range(n)}),
)
readers = st.lists(st.sampled_from(["", "user:ada", "x" * 256, "x" * 257]), max_size=2) | st.sampled_from(
    [["x"] * 1000, ["x"] * 1001]
)
contents: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"text": texts}),
    st.fixed_dictionaries({"data": st.binary(max_size=4)}),
    st.fixed_dictionaries(
        {
            "reference": st.sampled_from(
                ["", "s3://b/k", "S3:x", "s3:", "b/k", "s3://b k", "s3://ü", "s3://" + "x" * 2044]
            )
        }
    ),
)
upserts = st.builds(
    lambda fields, content: EventUpsert(**fields, **content),
    st.fixed_dictionaries(
        {},
        optional={
            "title": texts,
            "uri": texts,
            "filename": texts,
            "mime_type": texts,
            "metadata": metadata,
            "readers": readers.map(lambda principals: Readers(principals=principals)),
        },
    ),
    contents,
)
any_event = st.builds(
    lambda fields, action: DocumentEvent(**fields, **action),
    st.fixed_dictionaries(
        {"document": st.sampled_from(["d", "a/b", "ü" * 256]) | st.sampled_from(["", "a\n", "\x7f", "ü" * 257])},
        optional={"tenant": names, "collection": names, "version": st.sampled_from([-1, 0, 1, 2**63 - 1])},
    ),
    st.one_of(
        st.just({}),
        st.just({"delete": EventDelete()}),
        st.fixed_dictionaries({"upsert": upserts}),
    ),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(any_event)
def test_the_client_refuses_what_the_server_refuses(event: DocumentEvent) -> None:
    bound = None if event.collection else BOUND
    if bound is not None:
        event.tenant = ""  # another tenant than the topic's is refused there, which the client cannot know
    try:
        events.validate(event)
    except InvalidArgument:
        with pytest.raises(InvalidEvent):
            decode(None, event.SerializeToString(), [], 1, bound)
        return
    for format_ in events.Format:
        key, value, headers = events.encode(event, format_, max_bytes=2**30)
        name = decode(key, value, headers, 1, bound).name
        assert decode(key, None, [], 1, bound) == TombstoneEvent(name=name)


@pytest.mark.parametrize("tenant", ["default", "acme"])
@pytest.mark.parametrize("document", ["a", "a/b", "hr/a", "a:b", "ü"])
def test_both_make_the_same_key(tenant: str, document: str) -> None:
    name = DocumentName.parse(f"tenants/{tenant}/collections/hr/documents/{document}")
    assert events.tombstone("hr", document, tenant=tenant).key == key_of(name).encode()
