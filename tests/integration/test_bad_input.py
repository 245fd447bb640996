"""Bad input gets a typed error, and the server stays."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ragstone import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    InvalidArgument,
    NewDocument,
    NotFound,
    RagstoneError,
)
from ragstone.errors import from_rpc
from ragstone.v1 import ingest_service_pb2, ingest_service_pb2_grpc, query_service_pb2, query_service_pb2_grpc
from tests.served import Served

QUESTION = "How much is the deposit for a reefer plug?"


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
        assert from_rpc(error.value).reason == "UPLOAD_INCOMPLETE"
        stub.Ingest(half()).cancel()
    with pytest.raises(NotFound):
        client.get_document("half")


def test_one_bad_document_does_not_end_a_stream(client: Client) -> None:
    sent = [
        NewDocument(document="before", text="The bell rings at six."),
        NewDocument(document="bad", text="The bell rings at six.", title="t" * 5000),
        NewDocument(document="heavy", content=b"The bell. " * 500_000, title="t" * 5000),
        NewDocument(document="laden", text="The bell.", metadata={"key": "v" * 100_000}),
        NewDocument(document="after", text="The bell rings at seven."),
    ]
    found = {a.document: a.error.reason if a.error else None for a in client.ingest(sent)}
    refused = dict.fromkeys(("bad", "heavy", "laden"), "INVALID_REQUEST")
    assert found == {"before": None, "after": None, **refused}


def test_bytes_that_are_no_message_get_a_typed_error(server: Served) -> None:
    with grpc.insecure_channel(server.address) as channel:
        retrieve = channel.unary_unary("/ragstone.v1.QueryService/Retrieve")
        query = channel.unary_stream("/ragstone.v1.QueryService/Query")
        ingest = channel.stream_stream("/ragstone.v1.IngestService/Ingest")
        for call in (
            lambda: retrieve(b"\xff\xff"),
            lambda: list(query(b"\xff\xff")),
            lambda: list(ingest(iter([b"\xff\xff"]))),
        ):
            with pytest.raises(grpc.RpcError) as error:
                call()
            assert from_rpc(error.value).reason == "INVALID_REQUEST"


def test_an_error_with_many_violations_arrives_as_what_it_is(server: Served) -> None:
    turns = [query_service_pb2.Turn(role=1) for _ in range(64)]
    request = query_service_pb2.RetrieveRequest(
        search=query_service_pb2.Search(question=" " * 20_000, turns=turns, filter="x" * 50_000)
    )
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as error:
        query_service_pb2_grpc.QueryServiceStub(channel).Retrieve(request)
    assert from_rpc(error.value).reason == "INVALID_REQUEST"


def test_p11_unfinished_uploads_hold_no_more_than_their_limit(tmp_path: Path) -> None:
    """Eight producers announce 40 MiB each and send all but the last byte; the server has room for one at a time."""
    size, mebibyte = 40 * 1024 * 1024, b"x" * 1024 * 1024
    name = "tenants/default/collections/default/documents/{}"
    over = threading.Event()

    def unfinished(number: int) -> Iterator[ingest_service_pb2.IngestRequest]:
        header = ingest_service_pb2.DocumentHeader(name=name.format(number), size_bytes=size)
        yield ingest_service_pb2.IngestRequest(sequence=number, header=header)
        for _ in range(size // len(mebibyte) - 1):
            yield ingest_service_pb2.IngestRequest(part=ingest_service_pb2.ContentPart(data=mebibyte))
        yield ingest_service_pb2.IngestRequest(part=ingest_service_pb2.ContentPart(data=mebibyte[1:]))
        over.wait(60)

    settings = {"RAGSTONE__GRPC__MAX_STREAM_BYTES": str(size), "RAGSTONE__GRPC__STALLED_UPLOAD_SECONDS": "0.5"}
    with Served(tmp_path / "data", **settings) as served, grpc.insecure_channel(served.address) as channel:
        before = served.memory()
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        streams = [stub.Ingest(unfinished(number)) for number in range(1, 9)]
        for stream in streams:
            with pytest.raises(grpc.RpcError) as error:
                list(stream)
            assert from_rpc(error.value).reason == "UPLOAD_INCOMPLETE"
        over.set()
        assert served.peak_memory() - before < 3 * size


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
