"""Documents: versions, deletions, metadata, readers, parts and pages."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from ragstone import (
    AsyncClient,
    Citation,
    Client,
    Completed,
    Delta,
    Evidence,
    FailedPrecondition,
    InvalidArgument,
    NewDocument,
    NotFound,
    Outcome,
    Started,
)
from ragstone.metadata import Value
from ragstone.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from tests.served import Served

QUESTION = "How much is the deposit for a reefer plug?"


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


def test_event_time_orders_versions_where_the_collection_says_so(client: Client) -> None:
    from ragstone.v1 import admin_service_pb2

    client.admin.create_collection("timed", version_scheme=admin_service_pb2.VERSION_SCHEME_EVENT_TIME)
    with pytest.raises(InvalidArgument) as error:
        client.upsert_document("d", text="The gate opens at six.", collection="timed")
    assert error.value.reason == "VERSION_SCHEME_MISMATCH"
    later = 1_735_689_600_000_000
    assert (
        client.upsert_document("d", text="The gate opens at six.", version=later, collection="timed").version == later
    )
    with pytest.raises(FailedPrecondition):
        client.upsert_document("d", text="The gate opens at five.", version=later - 1, collection="timed")


def test_a_collection_goes_on_with_the_chunker_that_it_was_indexed_with(tmp_path: Path) -> None:
    """What is configured since then is for new collections."""
    with Served(tmp_path / "data") as served:
        with served.client() as client:
            client.upsert_document("d", text="The gate opens at six.")
        served.terminate()
        served.start(RAGSTONE__CHUNKER__TARGET_TOKENS="100")
        with served.client() as client:
            assert [each.document for each in client.retrieve("gate")] == ["d"]
            client.upsert_document("e", text="The gate shuts at eight.")
            client.admin.create_collection("fresh")
            client.upsert_document("d", text="The gate opens at six.", collection="fresh")
            assert client.retrieve("gate", collection="fresh", min_watermark="session")
            former, fresh = (client.admin.get_collection(name).generation for name in ("default", "fresh"))
            assert former.embedder == fresh.embedder
            assert former.chunker != fresh.chunker


def test_p4_an_update_without_a_mask_does_not_open_a_closed_collection(client: Client) -> None:
    from ragstone.v1 import admin_service_pb2

    client.admin.create_collection("shut", default_readers=admin_service_pb2.DEFAULT_READERS_NOBODY)
    changed = client.admin._stub.UpdateCollection(
        admin_service_pb2.UpdateCollectionRequest(
            collection=admin_service_pb2.Collection(name="tenants/default/collections/shut", description="hello")
        )
    )
    assert changed.collection.description == "hello"
    assert changed.collection.default_readers == admin_service_pb2.DEFAULT_READERS_NOBODY
