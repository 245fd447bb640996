"""A client can ask to read what it wrote."""

from typing import Any

from ragstone import AsyncClient, Client, NewDocument
from ragstone.session import SESSION, Session
from ragstone.v1 import ingest_service_pb2, query_service_pb2

from .conftest import FakeServer

NAME = "tenants/default/collections/default"


def mark(position: int, epoch: str = "e1", collection: int = 1) -> str:
    return f"w1.{epoch}.{collection:08x}.{position:016x}"


def test_it_keeps_the_greatest_whatever_the_order_of_the_replies() -> None:
    session = Session()
    for position in (3, 17, 9, 16):
        session.wrote("c", mark(position))
    assert session.demanded("c", SESSION) == mark(17)


def test_collections_do_not_mix() -> None:
    session = Session()
    session.wrote("a", mark(5))
    assert session.demanded("b", SESSION) == ""
    assert session.demanded("a", SESSION) == mark(5)


def test_another_life_of_the_catalog_begins_anew() -> None:
    session = Session()
    session.wrote("c", mark(500, epoch="e2"))
    session.wrote("c", mark(1, epoch="e1"))
    assert session.demanded("c", SESSION) == mark(1, epoch="e1")


def test_the_callers_own_token_is_sent_as_it_is() -> None:
    session = Session()
    session.wrote("c", mark(5))
    assert session.demanded("c", mark(2)) == mark(2)
    assert session.demanded("c", None) == ""


def _asked(fake: FakeServer) -> str:
    request: Any = fake.requests[-1]
    return str(request.search.min_watermark)


def _writes(fake: FakeServer, upserted: int, deleted: int) -> None:
    fake.responses["UpsertDocument"] = ingest_service_pb2.UpsertDocumentResponse(
        outcome=ingest_service_pb2.WRITE_OUTCOME_STORED, version=1, watermark=mark(upserted)
    )
    fake.responses["DeleteDocument"] = ingest_service_pb2.DeleteDocumentResponse(watermark=mark(deleted))


def test_every_kind_of_write_counts_and_every_kind_of_question_can_demand_it(
    fake: FakeServer, client: Client, acknowledge: Any
) -> None:
    _writes(fake, 4, 6)
    fake.events = [query_service_pb2.QueryResponse(seq=1, completed=query_service_pb2.Completed())]
    client.retrieve("x", min_watermark="session")
    assert _asked(fake) == ""
    client.upsert_document("a", text="x")
    client.retrieve("x", min_watermark="session")
    assert _asked(fake) == mark(4)
    client.delete_document("a", collection=NAME)
    client.ask("x", min_watermark="session")
    assert _asked(fake) == mark(6)
    fake.ingest = lambda requests: (acknowledge(r.sequence, watermark=mark(8)) for r in requests)
    list(client.ingest([NewDocument(document="b", text="x")]))
    list(client.query("x", min_watermark="session", collection=NAME))
    assert _asked(fake) == mark(8)
    client.retrieve("x", min_watermark="session", collection="other")
    assert _asked(fake) == ""
    client.retrieve("x")
    assert _asked(fake) == ""


def test_a_collection_that_is_made_anew_is_another_one(fake: FakeServer, client: Client) -> None:
    _writes(fake, 4, 6)
    client.upsert_document("a", text="x")
    client.admin.delete_collection("default", force=True)
    client.retrieve("x", min_watermark="session")
    assert _asked(fake) == ""


async def test_the_client_for_asyncio_keeps_it_too(fake: FakeServer, acknowledge: Any) -> None:
    _writes(fake, 4, 6)
    fake.ingest = lambda requests: (acknowledge(r.sequence, watermark=mark(8)) for r in requests)
    async with AsyncClient(fake.address) as client:
        await client.upsert_document("a", text="x")
        await client.retrieve("x", min_watermark="session")
        assert _asked(fake) == mark(4)
        await client.delete_document("a")
        await client.retrieve("x", min_watermark="session")
        assert _asked(fake) == mark(6)
        _ = [a async for a in client.ingest([NewDocument(document="b", text="x")])]
        await client.retrieve("x", min_watermark="session")
        assert _asked(fake) == mark(8)
