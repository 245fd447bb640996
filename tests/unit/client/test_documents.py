"""Single documents and pages of them."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from ragstone import AsyncClient, Client, Outcome
from ragstone.metadata import to_wire
from ragstone.v1 import admin_service_pb2, document_pb2, ingest_service_pb2

from .conftest import FakeServer


def test_an_upsert_tells_what_is_on_disk(fake: FakeServer, client: Client) -> None:
    fake.responses["UpsertDocument"] = ingest_service_pb2.UpsertDocumentResponse(
        outcome=ingest_service_pb2.WRITE_OUTCOME_UNCHANGED, version=7, watermark="w"
    )
    written = client.upsert_document("a/b", text="x", title="T", metadata={"n": 1}, readers=["group:crew"], version=7)
    assert (written.document, written.outcome, written.version, written.watermark) == (
        "a/b",
        Outcome.UNCHANGED,
        7,
        "w",
    )
    request = fake.requests[0]
    assert isinstance(request, ingest_service_pb2.UpsertDocumentRequest)
    assert request.name == "tenants/default/collections/default/documents/a/b"
    assert (request.fields.title, list(request.fields.readers.principals)) == ("T", ["group:crew"])


def test_a_document_comes_back_typed(fake: FakeServer, client: Client) -> None:
    moment = datetime(2025, 3, 1, 12, tzinfo=UTC)
    wire = Timestamp()
    wire.FromDatetime(moment)
    fake.responses["GetDocument"] = ingest_service_pb2.GetDocumentResponse(
        document=document_pb2.Document(
            document="a",
            version=3,
            metadata=to_wire({"year": 2025}),
            create_time=wire,
            update_time=wire,
            passage_count=4,
        )
    )
    document = client.get_document("a")
    assert (document.document, document.version, document.passages) == ("a", 3, 4)
    assert document.metadata == {"year": 2025}
    assert document.created == document.updated == moment


class _Pages:
    """Answers with three pages."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def __call__(self, request: ingest_service_pb2.ListDocumentsRequest) -> ingest_service_pb2.ListDocumentsResponse:
        self.tokens.append(request.page_token)
        n = len(self.tokens)
        return ingest_service_pb2.ListDocumentsResponse(
            documents=[document_pb2.Document(document=f"d{n}")], next_page_token=f"p{n}" if n < 3 else ""
        )


def test_pages_follow_each_other_as_they_are_needed(fake: FakeServer, client: Client) -> None:
    pages = fake.responses["ListDocuments"] = _Pages()
    documents = client.list_documents(filter="year = 2025")
    assert next(documents).document == "d1"
    assert pages.tokens == [""]
    assert [d.document for d in documents] == ["d2", "d3"]
    assert pages.tokens == ["", "p1", "p2"]


async def test_pages_follow_each_other_for_asyncio(fake: FakeServer) -> None:
    fake.responses["ListDocuments"] = _Pages()
    async with AsyncClient(fake.address) as client:
        assert [d.document async for d in client.list_documents()] == ["d1", "d2", "d3"]


def test_settings_of_a_collection_are_named_in_the_mask(fake: FakeServer, client: Client) -> None:
    client.admin.update_collection("hr", description="People")
    request = fake.requests[0]
    assert isinstance(request, admin_service_pb2.UpdateCollectionRequest)
    assert request.collection.name == "tenants/default/collections/hr"
    assert list(request.update_mask.paths) == ["description"]
