"""The main job, whole: documents in, a cited, streamed answer out, over a real server and real components."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ragstone import (
    Abstention,
    AsyncClient,
    Citation,
    Client,
    Completed,
    DeadlineExceeded,
    Delta,
    Evidence,
    FailedPrecondition,
    InvalidArgument,
    NewDocument,
    NotFound,
    Outcome,
    RagstoneError,
    Started,
)
from ragstone.metadata import Value
from ragstone.protojson import to_json
from ragstone.v1 import ingest_service_pb2, ingest_service_pb2_grpc, query_service_pb2, query_service_pb2_grpc
from tests.served import Served

HANDBOOK = Path(__file__).parent.parent.parent / "handbook"
QUESTION = "How much is the deposit for a reefer plug?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served") / "data") as served:
        with served.client() as client:
            client.admin.create_collection("handbook")
            files = sorted((HANDBOOK / "documents").iterdir())
            sent = (
                NewDocument(document=f.name, content=f.read_bytes(), filename=f.name, collection="handbook")
                for f in files
            )
            acknowledgements = list(client.ingest(sent))
            assert [a.error for a in acknowledgements if a.error] == []
            assert len(acknowledgements) == len(files)
            client.retrieve("ready", collection="handbook", min_watermark="session")
        yield served


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with server.client() as client:
        yield client


def test_p5_events_come_in_their_order_and_end_once(client: Client) -> None:
    responses = list(client.responses(QUESTION, collection="handbook"))
    names = [response.WhichOneof("event") for response in responses]
    assert [response.seq for response in responses] == list(range(1, len(responses) + 1))
    assert names[0] == "started"
    assert names.index("evidence") < names.index("attempt_started") < names.index("delta")
    assert names.count("completed") == 1
    assert names[-1] == "completed"
    last = json.loads(to_json(responses[-1]))
    assert "340 euros" in last["completed"]["answer"]["text"]
    assert "abstention" not in last["completed"]


def test_p6_a_citation_names_a_passage_that_holds_what_it_supports(client: Client) -> None:
    answer = client.ask(QUESTION, collection="handbook")
    assert answer.citations
    for citation in answer.citations:
        passage = answer.passages[citation.number - 1]
        assert (passage.chunk, passage.document) == (citation.chunk, citation.document)
        supported = answer.text.encode()[citation.start : citation.end].decode()
        assert supported
        assert supported.rstrip(".") in passage.text.replace("*", "")


def test_p7_it_says_when_it_does_not_know_with_the_evidence_attached(client: Client) -> None:
    answer = client.ask("Who composed the opera about the moon of Zarmina?", collection="handbook")
    assert answer.abstention is Abstention.NO_RELEVANT_CONTENT
    assert answer.text == ""
    assert client.ask(QUESTION, collection="handbook").abstention is None


def test_pages_of_a_pdf_are_told(client: Client) -> None:
    question = "At what state of charge may MV Dunlin not leave the quay with passengers?"
    answer = client.ask(question, collection="handbook")
    passage = answer.passages[answer.citations[0].number - 1]
    assert passage.document == "mv-dunlin-charging-procedure.pdf"
    assert passage.page == 2


def test_most_questions_of_the_handbook_find_their_document(client: Client) -> None:
    rows = [json.loads(line) for line in (HANDBOOK / "questions.jsonl").read_text().splitlines()]
    asked = [row for row in rows if row["answer"] is not None]
    found = [
        bool(
            {p.document for p in client.retrieve(row["question"], top_k=5, collection="handbook")}
            & set(row["documents"])
        )
        for row in asked
    ]
    assert sum(found) >= 0.9 * len(asked)


def test_a_follow_up_question_leans_on_the_turns_before_it(client: Client) -> None:
    turns = [("user", QUESTION), ("assistant", "The deposit for a reefer plug is 340 euros per container.")]
    passages = client.retrieve("And when is it refunded?", collection="handbook", turns=turns, top_k=5)
    assert any("reefer" in passage.text for passage in passages)


def test_leaving_a_stream_early_cancels_it(client: Client) -> None:
    events = client.query(QUESTION, collection="handbook")
    assert isinstance(next(events), Started)
    events.close()  # type: ignore[attr-defined]
    assert client.ask(QUESTION, collection="handbook").abstention is None


async def test_the_client_for_asyncio_does_the_same(server: Served) -> None:
    async with AsyncClient(server.address) as client:
        kinds = [type(event) async for event in client.query(QUESTION, collection="handbook")]
        assert {Started, Evidence, Delta, Citation, Completed} <= set(kinds)
        written = await client.upsert_document("async", text="The asyncio client wrote this.", collection="handbook")
        assert written.outcome is Outcome.STORED
        hits = await client.retrieve("asyncio client wrote", collection="handbook", min_watermark="session")
        assert hits[0].document == "async"
        many = [NewDocument(document=f"m{i}", text=f"Number {i}.", collection="handbook") for i in range(5)]
        assert len([a async for a in client.ingest(many)]) == 5
        for document in ("async", *(f"m{i}" for i in range(5))):
            await client.delete_document(document, collection="handbook")


def test_p1_p2_versions_of_a_document(client: Client) -> None:
    first = client.upsert_document("versioned", text="The tram leaves at ten.", version=3)
    assert (first.outcome, first.version) == (Outcome.STORED, 3)
    again = client.upsert_document("versioned", text="The tram leaves at ten.", version=3)
    assert (again.outcome, again.version) == (Outcome.UNCHANGED, 3)
    for version in (2, 3):
        with pytest.raises(FailedPrecondition) as stale:
            client.upsert_document("versioned", text="Another text.", version=version)
        assert stale.value.reason == "VERSION_STALE"
        assert stale.value.metadata["stored_version"] == "3"
    moved = client.upsert_document("versioned", text="The tram leaves at ten.", metadata={"kind": "tram"})
    assert (moved.outcome, moved.version) == (Outcome.UNCHANGED, 4)
    assert client.get_document("versioned").metadata == {"kind": "tram"}
    replaced = client.upsert_document("versioned", text="The tram leaves at noon.")
    assert (replaced.outcome, replaced.version) == (Outcome.STORED, 5)
    texts = [
        p.text
        for p in client.retrieve("when does the tram leave", min_watermark="session")
        if p.document == "versioned"
    ]
    assert texts == ["The tram leaves at noon."]


def test_p9_a_deleted_document_stays_away_when_an_older_version_comes_late(client: Client) -> None:
    client.upsert_document("gone", text="The lighthouse is painted red and white.", version=5)
    client.delete_document("gone")
    assert all(p.document != "gone" for p in client.retrieve("lighthouse painted red"))
    with pytest.raises(NotFound):
        client.get_document("gone")
    with pytest.raises(FailedPrecondition, match="deleted"):
        client.upsert_document("gone", text="The lighthouse is painted red and white.", version=5)
    assert client.upsert_document("gone", text="The lighthouse is blue.", version=6).outcome is Outcome.STORED
    with pytest.raises(NotFound):
        client.delete_document("never-there")


def test_metadata_keep_their_types_and_filter(client: Client) -> None:
    when = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
    metadata: dict[str, Value] = {
        "kind": "ferry",
        "year": 2025,
        "open": True,
        "since": when,
        "stops": ["Nordvik", "Fallay"],
    }
    client.upsert_document("typed", text="The ferry stops twice on its way.", metadata=metadata)
    client.upsert_document("untyped", text="The ferry stops once on its way.")
    assert client.get_document("typed").metadata == {**metadata, "year": 2025.0}
    for text in (
        'kind = "ferry"',
        "year >= 2025 AND open = true",
        "since < 2026-01-01T00:00:00Z",
        'stops:"Fallay"',
        "NOT kind != ferry",
        '(kind = "bus" OR stops:Nordvik) year > 2000',
    ):
        hits = client.retrieve("ferry stops on its way", filter=text, min_watermark="session")
        assert {p.document for p in hits} == {"typed"}, text
        assert [d.document for d in client.list_documents(filter=text)] == ["typed"], text
    assert client.retrieve("ferry stops", filter="kind = bus") == []


def test_p4_what_a_caller_may_not_read_is_nowhere(client: Client) -> None:
    secret = "The vault code of the treasury is on the third floor."
    client.upsert_document("secret", text=secret, readers=["user:somebody-else"])
    client.upsert_document("shared", text="The treasury has a vault and a code.", readers=["user:developer"])
    hits = client.retrieve("vault code of the treasury", top_k=50, min_watermark="session")
    assert "secret" not in {p.document for p in hits}
    assert "shared" in {p.document for p in hits}
    answer = client.ask("On which floor is the vault code of the treasury?", min_watermark="session")
    assert "third" not in answer.text
    assert all("third floor" not in p.text for p in answer.passages)
    with pytest.raises(NotFound):
        client.get_document("secret")
    assert "secret" not in {d.document for d in client.list_documents()}


def test_p4_unknown_permissions_mean_no_where_the_collection_says_nobody(client: Client) -> None:
    from ragstone.v1 import admin_service_pb2

    client.admin.create_collection("closed", default_readers=admin_service_pb2.DEFAULT_READERS_NOBODY)
    client.upsert_document("a", text="The archive closes at five.", collection="closed")
    client.upsert_document("b", text="The archive opens at eight.", collection="closed", readers=["user:developer"])
    hits = client.retrieve("archive", collection="closed", min_watermark="session")
    assert [p.document for p in hits] == ["b"]
    client.admin.update_collection("closed", default_readers=admin_service_pb2.DEFAULT_READERS_TENANT)
    assert {p.document for p in client.retrieve("archive", collection="closed")} == {"a", "b"}
    with pytest.raises(FailedPrecondition) as error:
        client.admin.delete_collection("closed")
    assert error.value.reason == "COLLECTION_NOT_EMPTY"
    client.admin.delete_collection("closed", force=True)
    with pytest.raises(NotFound) as missing:
        client.retrieve("archive", collection="closed")
    assert missing.value.reason == "COLLECTION_NOT_FOUND"


def test_p3_p1_a_large_document_travels_in_parts(client: Client) -> None:
    lines = "\n\n".join(f"Paragraph {i} speaks of the number {i * 7}." for i in range(400))
    content = (lines + "\n\nThe needle is under the seventh haystack.").encode() + b" " * 5_000_000
    document = NewDocument(document="large", content=content, filename="large.txt", mime_type="text/plain")
    (acknowledgement,) = client.ingest([document])
    assert acknowledgement.outcome is Outcome.STORED
    hits = client.retrieve("Where is the needle?", min_watermark="session")
    assert hits[0].document == "large"


def test_stage_options_are_checked_by_the_stage(client: Client) -> None:
    assert client.retrieve("tram", stage_options={"fuser": {"dense_weight": 0.5}}) is not None
    cases: tuple[dict[str, dict[str, Any]], ...] = (
        {"nothing": {}},
        {"fuser": {"weight": 1}},
        {"fuser": {"dense_weight": 7}},
    )
    for options in cases:
        with pytest.raises(InvalidArgument) as error:
            client.retrieve("tram", stage_options=options)
        assert error.value.reason == "UNKNOWN_STAGE_OPTION"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda c: c.upsert_document("empty", text=""), "DOCUMENT_WITHOUT_TEXT"),
        (lambda c: c.upsert_document("blank", content=b" \n\t "), "DOCUMENT_WITHOUT_TEXT"),
        (lambda c: c.upsert_document("binary", content=b"\x00\x01\x02\xff\xfe" * 50), "DOCUMENT_UNSUPPORTED"),
        (lambda c: c.upsert_document("broken", content=b"%PDF-1.7\nnothing follows"), "DOCUMENT_BROKEN"),
        (lambda c: c.upsert_document("", text="x"), "INVALID_REQUEST"),
        (lambda c: c.upsert_document("a\nb", text="x"), "INVALID_REQUEST"),
        (lambda c: c.upsert_document("x", text="x", collection="UPPER"), "INVALID_NAME"),
        (lambda c: c.upsert_document("x", text="x", collection="missing"), "COLLECTION_NOT_FOUND"),
        (lambda c: c.upsert_document("x", text="x", version=-1), "INVALID_REQUEST"),
        (lambda c: c.retrieve(""), "INVALID_REQUEST"),
        (lambda c: c.retrieve("x" * 9000), "INVALID_REQUEST"),
        (lambda c: c.retrieve("x", top_k=100_000), "INVALID_REQUEST"),
        (lambda c: c.retrieve("x", filter="a = = b"), "INVALID_FILTER"),
        (lambda c: c.retrieve("x", min_watermark="yesterday"), "INVALID_WATERMARK"),
        (lambda c: list(c.query("x", filter="(")), "INVALID_FILTER"),
        (lambda c: c.admin.create_collection("default"), "COLLECTION_ALREADY_EXISTS"),
    ],
)
def test_bad_input_gets_a_typed_error(client: Client, call: object, reason: str) -> None:
    with pytest.raises(RagstoneError) as error:
        call(client)  # type: ignore[operator]
    assert error.value.reason == reason
    assert error.value.request_id


def test_an_error_of_the_filter_points_at_the_column(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="column 14") as error:
        client.retrieve("x", filter='kind = "a" ( ')
    assert error.value.metadata["column"] == "14"


def test_control_characters_do_not_reach_the_text(client: Client) -> None:
    client.upsert_document("controls", text="The\x00 bell\x07 rings\r\nat\x1b six.")
    (hit,) = [p for p in client.retrieve("bell rings", min_watermark="session") if p.document == "controls"]
    assert all(c == "\n" or c >= " " for c in hit.text)


def test_a_deadline_of_a_millisecond_is_told_as_such(client: Client) -> None:
    with pytest.raises(DeadlineExceeded):
        list(client.query(QUESTION, collection="handbook", timeout=0.001))


def test_p2_the_same_document_sent_twice_at_once_is_stored_once(client: Client) -> None:
    outcomes: list[Outcome] = []

    def send() -> None:
        outcomes.append(client.upsert_document("twice", text="The clock tower strikes twice at noon.").outcome)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes).count(Outcome.STORED) == 1
    hits = client.retrieve("clock tower strikes", top_k=50, min_watermark="session")
    assert [p.document for p in hits].count("twice") == 1


def test_a_client_that_dies_in_mid_upload_leaves_nothing(server: Served, client: Client) -> None:
    name = "tenants/default/collections/default/documents/half"
    header = ingest_service_pb2.DocumentHeader(name=name, size_bytes=10_000)

    def half() -> Iterator[ingest_service_pb2.IngestRequest]:
        yield ingest_service_pb2.IngestRequest(sequence=1, header=header)
        yield ingest_service_pb2.IngestRequest(part=ingest_service_pb2.ContentPart(data=b"half of it"))

    with grpc.insecure_channel(server.address) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        with pytest.raises(grpc.RpcError) as error:
            list(stub.Ingest(half()))
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        stub.Ingest(half()).cancel()
    with pytest.raises(NotFound):
        client.get_document("half")


def test_health_and_reflection_answer(server: Served) -> None:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    with grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "ragstone.v1.QueryService"):
            status = health.Check(health_pb2.HealthCheckRequest(service=service)).status
            assert status == health_pb2.HealthCheckResponse.SERVING
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
        names = {service.name for service in answer.list_services_response.service}
        assert {"ragstone.v1.QueryService", "ragstone.v1.IngestService", "ragstone.v1.AdminService"} <= names


def test_listing_goes_page_by_page(server: Served, client: Client) -> None:
    client.admin.create_collection("paged")
    sent = [NewDocument(document=f"d{i:03}", text=f"Page {i}.", collection="paged") for i in range(25)]
    assert {a.outcome for a in client.ingest(sent)} == {Outcome.STORED}
    name = "tenants/default/collections/paged"
    with grpc.insecure_channel(server.address) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        seen, token, pages = [], "", 0
        while True:
            page = stub.ListDocuments(
                ingest_service_pb2.ListDocumentsRequest(parent=name, page_size=10, page_token=token)
            )
            seen += [document.document for document in page.documents]
            pages += 1
            token = page.next_page_token
            if not token:
                break
    assert (seen, pages) == ([f"d{i:03}" for i in range(25)], 3)


def test_a_write_is_found_within_about_a_second_without_a_watermark(client: Client) -> None:
    client.upsert_document("soon", text="The funicular climbs to the castle.")
    end = time.monotonic() + 20
    while "soon" not in {p.document for p in client.retrieve("funicular climbs")}:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_p11_a_reader_that_stops_reading_is_given_up(tmp_path: Path) -> None:
    settings = {
        "RAGSTONE__GRPC__STALLED_READER_SECONDS": "0.5",
        "RAGSTONE__GRPC__MAX_REQUESTS": "1",
    }
    with Served(tmp_path / "data", **settings) as served, served.client() as client:
        big = "\n\n".join(f"The bell of tower {i} rings at {i} in the morning over the roofs." * 3 for i in range(900))
        client.upsert_document("big", text=big)
        client.retrieve("bell", min_watermark="session")
        request = query_service_pb2.QueryRequest(
            search=query_service_pb2.Search(question="When does the bell ring?", top_k=900), context_tokens=500_000
        )
        options = [("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0)]
        with grpc.insecure_channel(served.address, options=options) as channel:
            stalled = query_service_pb2_grpc.QueryServiceStub(channel).Query(request)
            next(stalled)
            asyncio.run(_free(served))
            stalled.cancel()


async def _free(served: Served) -> None:
    """Wait until the one place is free again."""
    async with AsyncClient(served.address) as client:
        async with asyncio.timeout(60):
            while True:
                try:
                    await client.retrieve("bell", top_k=1)
                except RagstoneError as error:
                    assert error.reason == "OVERLOADED", error
                    assert error.retry_after
                    await asyncio.sleep(0.1)
                else:
                    return
