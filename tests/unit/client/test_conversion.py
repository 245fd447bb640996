"""Plain Python values become messages of the contract, and back."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from ragstone import (
    Abstention,
    AttemptDiscarded,
    AttemptStarted,
    Citation,
    Completed,
    Degraded,
    Delta,
    Event,
    Evidence,
    FinishReason,
    Heartbeat,
    NewDocument,
    Outcome,
    Stage,
    Started,
    Turn,
    Usage,
)
from ragstone.documents import document_from, written_from
from ragstone.errors import InternalError, InvalidArgument
from ragstone.metadata import Value, from_wire, to_wire
from ragstone.passages import passage_from
from ragstone.query_events import event_from
from ragstone.requests import PART_BYTES, collection_name, document_name, search, steps, upsert
from ragstone.v1 import document_pb2, evidence_pb2, ingest_service_pb2, query_service_pb2

SEARCH: dict[str, Any] = {
    "collection": "default",
    "filter": None,
    "top_k": None,
    "turns": (),
    "min_watermark": "",
    "stage_options": None,
}


def test_metadata_come_back_as_they_were() -> None:
    when = datetime(2025, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
    metadata: dict[str, Value] = {
        "kind": "ferry",
        "year": 2025,
        "share": 0.25,
        "open": True,
        "since": when,
        "stops": ["Nordvik", "Fallay"],
        "none": [],
    }
    back = from_wire(to_wire(metadata))
    assert back == metadata
    assert back["open"] is True
    assert from_wire(to_wire({"tuple": ("a", "b")})) == {"tuple": ["a", "b"]}


def test_a_time_of_another_zone_is_the_same_point_in_time() -> None:
    oslo = datetime(2025, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    assert from_wire(to_wire({"t": oslo})) == {"t": datetime(2025, 3, 1, 12, tzinfo=UTC)}
    naive = datetime(2025, 3, 1, 13)
    assert from_wire(to_wire({"t": naive})) == {"t": naive.astimezone(UTC)}


@pytest.mark.parametrize(
    "value", [None, b"bytes", bytearray(b"x"), date(2025, 1, 1), {"a": 1}, {1, 2}, [b"x"], object()]
)
def test_a_value_that_metadata_cannot_hold_is_refused_by_its_key(value: Any) -> None:
    with pytest.raises(TypeError, match="metadata\\['colour'\\]"):
        to_wire({"colour": value})


def test_a_short_collection_is_one_of_the_default_tenant() -> None:
    assert collection_name("default") == "tenants/default/collections/default"
    assert collection_name("tenants/acme/collections/hr") == "tenants/acme/collections/hr"
    assert document_name("hr", "a/b c") == "tenants/default/collections/hr/documents/a/b c"


def test_a_search_carries_everything() -> None:
    message = search(
        "When?",
        collection="hr",
        filter="year = 2025",
        top_k=7,
        turns=[Turn(role="user", text="Hello"), ("assistant", "Good day")],
        min_watermark="w1",
        stage_options={"fuser": {"dense_weight": 0.5}},
    )
    assert message.collection == "tenants/default/collections/hr"
    assert (message.question, message.filter, message.top_k, message.min_watermark) == ("When?", "year = 2025", 7, "w1")
    assert [(turn.role, turn.text) for turn in message.turns] == [
        (query_service_pb2.ROLE_USER, "Hello"),
        (query_service_pb2.ROLE_ASSISTANT, "Good day"),
    ]
    assert dict(message.stage_options["fuser"]) == {"dense_weight": 0.5}


def test_a_turn_of_somebody_else_is_refused() -> None:
    with pytest.raises(ValueError, match="'system'"):
        search("When?", **{**SEARCH, "turns": [("system", "Obey")]})


def test_readers_that_are_absent_are_not_readers_that_are_nobody() -> None:
    assert not upsert(NewDocument(document="a", text="x")).fields.HasField("readers")
    nobody = upsert(NewDocument(document="a", text="x", readers=[])).fields
    assert nobody.HasField("readers")
    assert list(nobody.readers.principals) == []
    assert document_from(document_pb2.Document()).readers is None
    assert document_from(document_pb2.Document(readers=document_pb2.Readers())).readers == ()


def test_a_version_that_is_absent_is_not_version_zero() -> None:
    assert not upsert(NewDocument(document="a", text="x")).HasField("version")
    assert upsert(NewDocument(document="a", text="x", version=0)).HasField("version")


@pytest.mark.parametrize("both", [{}, {"text": "x", "content": b"x"}])
def test_a_document_has_text_or_content(both: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="'a' needs text or content"):
        upsert(NewDocument(document="a", **both))
    with pytest.raises(ValueError, match="'a' needs text or content"):
        list(steps(1, NewDocument(document="a", **both)))


def test_empty_text_is_text() -> None:
    assert upsert(NewDocument(document="a", text="")).WhichOneof("content") == "text"
    assert upsert(NewDocument(document="a", content=b"")).WhichOneof("content") == "data"


@pytest.mark.parametrize("size", [PART_BYTES + 1, 2 * PART_BYTES, 3 * PART_BYTES + 17])
def test_a_large_document_travels_in_parts_that_add_up(size: int) -> None:
    content = bytes(i % 251 for i in range(1024)) * (size // 1024 + 1)
    content = content[:size]
    header, *parts = steps(5, NewDocument(document="a", content=content))
    assert (header.sequence, header.header.size_bytes) == (5, size)
    assert all(part.WhichOneof("action") == "part" for part in parts)
    assert all(0 < len(part.part.data) <= PART_BYTES for part in parts)
    assert b"".join(part.part.data for part in parts) == content


@pytest.mark.parametrize("size", [0, 1, PART_BYTES])
def test_a_small_document_is_one_message(size: int) -> None:
    (only,) = steps(1, NewDocument(document="a", content=bytes(size)))
    assert only.header.WhichOneof("content") == "inline"


def test_long_text_travels_as_text_in_parts() -> None:
    text = "ü" * (4 * 1024 * 1024 + 1)
    header, *parts = steps(1, NewDocument(document="a", text=text))
    assert header.header.fields.mime_type == "text/plain"
    assert b"".join(part.part.data for part in parts).decode() == text


def test_a_document_that_is_too_large_for_one_call_is_told_of_the_other_way() -> None:
    with pytest.raises(InvalidArgument, match="`ingest` sends it in parts") as error:
        upsert(NewDocument(document="huge", content=bytes(64 * 1024 * 1024)))
    assert error.value.reason == "DOCUMENT_TOO_LARGE"


def test_an_outcome_that_is_newer_than_the_client_is_a_write_and_none_is_not() -> None:
    newer = ingest_service_pb2.UpsertDocumentResponse.FromString(b"\x08\x63")
    assert written_from("a", newer).outcome is Outcome.STORED
    with pytest.raises(InternalError):
        written_from("a", ingest_service_pb2.UpsertDocumentResponse())


def test_a_passage_without_pages_has_none() -> None:
    assert passage_from(evidence_pb2.Passage(page=3)).page == 3
    assert passage_from(evidence_pb2.Passage()).page is None


def _event(**event: Any) -> Event | None:
    return event_from(query_service_pb2.QueryResponse(seq=1, **event))


def test_every_event_of_the_contract_has_a_type() -> None:
    q = query_service_pb2
    span = evidence_pb2.ByteRange(start=3, end=9)
    citation = q.Citation(number=2, chunk="c", document="d", version=4, range=span)
    completed = q.Completed(
        finish_reason=q.FINISH_REASON_STOP,
        usage=q.Usage(input_tokens=5, output_tokens=2, estimated=True),
        watermark="w",
        answer=q.Answer(text="Nine.", citations=[citation]),
    )
    typed = Citation(number=2, chunk="c", document="d", version=4, start=3, end=9)
    stage = q.Stage(name="fuser")
    stage.took.FromMilliseconds(250)
    cases: dict[str, tuple[Any, Event]] = {
        "started": (q.Started(request_id="r", watermark="w"), Started(request_id="r", watermark="w")),
        "stage": (stage, Stage(name="fuser", seconds=0.25)),
        "evidence": (q.Evidence(), Evidence(passages=())),
        "attempt_started": (q.AttemptStarted(model="m"), AttemptStarted(model="m")),
        "delta": (q.Delta(text="Ni"), Delta(text="Ni")),
        "citation": (citation, typed),
        "attempt_discarded": (
            q.AttemptDiscarded(reason="it broke", next_model="n"),
            AttemptDiscarded(reason="it broke", next_model="n"),
        ),
        "degraded": (q.Degraded(stage="dense", reason="late"), Degraded(stage="dense", reason="late")),
        "heartbeat": (q.Heartbeat(), Heartbeat()),
        "completed": (
            completed,
            Completed(
                text="Nine.",
                citations=(typed,),
                abstention=None,
                usage=Usage(input_tokens=5, output_tokens=2, estimated=True),
                watermark="w",
                finish_reason=FinishReason.STOP,
            ),
        ),
    }
    assert set(cases) == {field.name for field in q.QueryResponse.DESCRIPTOR.oneofs_by_name["event"].fields}
    for name, (wire, event) in cases.items():
        assert _event(**{name: wire}) == event, name


def test_an_event_that_is_newer_than_the_client_is_passed_over() -> None:
    assert event_from(query_service_pb2.QueryResponse.FromString(b"\x08\x01\xa2\x06\x00")) is None


def test_every_reason_of_the_contract_to_abstain_or_finish_has_its_name() -> None:
    def names(enum: Any, prefix: str) -> set[str]:
        return {name.removeprefix(prefix) for name in enum.keys()}  # noqa: SIM118 - an enum wrapper, not a dict

    assert names(query_service_pb2.AbstentionReason, "ABSTENTION_REASON_") == set(Abstention.__members__)
    assert names(query_service_pb2.FinishReason, "FINISH_REASON_") == set(FinishReason.__members__)
    abstained = query_service_pb2.Completed(
        abstention=query_service_pb2.Abstention(reason=query_service_pb2.ABSTENTION_REASON_NO_RELEVANT_CONTENT),
        finish_reason=query_service_pb2.FINISH_REASON_ABSTAINED,
    )
    event = _event(completed=abstained)
    assert isinstance(event, Completed)
    assert (event.abstention, event.finish_reason) == (Abstention.NO_RELEVANT_CONTENT, FinishReason.ABSTAINED)


def test_a_reason_that_is_newer_than_the_client_is_still_an_abstention() -> None:
    newer = query_service_pb2.Completed.FromString(b"\x08\x63\x12\x02\x08\x63")
    event = _event(completed=newer)
    assert isinstance(event, Completed)
    assert (event.abstention, event.finish_reason) == (Abstention.UNSPECIFIED, FinishReason.UNSPECIFIED)
