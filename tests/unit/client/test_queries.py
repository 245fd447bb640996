"""Streams of events: discarded attempts, early leaving, ends."""

import asyncio
import inspect
import json
from decimal import Decimal
from typing import Any

import grpc
import pytest

from ragstone import (
    AnswerFormat,
    AsyncClient,
    AttemptDiscarded,
    Client,
    Completed,
    Degraded,
    Delta,
    FinishReason,
    Heartbeat,
    InternalError,
    Unavailable,
)
from ragstone.v1 import evidence_pb2, query_service_pb2

from .conftest import FakeServer


def stream(**last: Any) -> list[query_service_pb2.QueryResponse]:
    """An answer of which the first attempt was discarded."""
    q = query_service_pb2
    wrong = q.Citation(number=1, chunk="wrong", range=evidence_pb2.ByteRange(start=0, end=5))
    right = q.Citation(number=2, chunk="right", range=evidence_pb2.ByteRange(start=0, end=8))
    events: list[dict[str, Any]] = [
        {"started": q.Started(request_id="r")},
        {"evidence": q.Evidence(passages=[evidence_pb2.Passage(rank=1), evidence_pb2.Passage(rank=2)])},
        {"degraded": q.Degraded(stage="rerank", reason="was too late")},
        {"attempt_started": q.AttemptStarted(model="first")},
        {"delta": q.Delta(text="It leaves at t")},
        {"citation": wrong},
        {"attempt_discarded": q.AttemptDiscarded(reason="it broke", next_model="second")},
        {"attempt_started": q.AttemptStarted(model="second")},
        {"delta": q.Delta(text="At nine.")},
        {"citation": right},
        {"heartbeat": q.Heartbeat()},
    ]
    if last:
        events.append({"completed": q.Completed(answer=q.Answer(text="At nine.", citations=[right]), **last)})
    return [q.QueryResponse(seq=seq, **event) for seq, event in enumerate(events, 1)]


def test_an_answer_has_nothing_of_a_discarded_attempt(fake: FakeServer, client: Client) -> None:
    fake.events = stream(finish_reason=query_service_pb2.FINISH_REASON_LENGTH, watermark="w")
    answer = client.ask("When?")
    assert answer.text == "At nine."
    assert [citation.chunk for citation in answer.citations] == ["right"]
    assert [passage.rank for passage in answer.passages] == [1, 2]
    assert answer.abstention is None
    assert answer.finish_reason is FinishReason.LENGTH
    assert answer.degraded == (Degraded(stage="rerank", reason="was too late"),)
    assert answer.watermark == "w"


async def test_nor_for_asyncio(fake: FakeServer) -> None:
    fake.events = stream(watermark="w")
    async with AsyncClient(fake.address) as client:
        answer = await client.ask("When?")
    assert (answer.text, [c.chunk for c in answer.citations]) == ("At nine.", ["right"])


def test_the_events_tell_of_it(fake: FakeServer, client: Client) -> None:
    fake.events = stream(watermark="w")
    events = list(client.query("When?"))
    assert len(events) == len(fake.events)
    assert [e.text for e in events if isinstance(e, Delta)] == ["It leaves at t", "At nine."]
    assert [e.next_model for e in events if isinstance(e, AttemptDiscarded)] == ["second"]
    assert isinstance(events[-1], Completed)


async def test_a_limit_of_cost_is_sent_in_millionths_rounded_down(fake: FakeServer, client: Client) -> None:
    fake.events = stream(watermark="w")
    async with AsyncClient(fake.address) as other:
        for max_cost in (Decimal("0.0000129"), 0.1, 0, None):
            client.ask("When?", max_cost=max_cost)
            await other.ask("When?", max_cost=max_cost)
    sent = [request for request in fake.requests if isinstance(request, query_service_pb2.QueryRequest)]
    assert [request.max_cost_micros for request in sent] == [12, 12, 100_000, 100_000, 0, 0, 0, 0]
    assert [request.HasField("max_cost_micros") for request in sent] == [True] * 6 + [False] * 2
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="no amount of US dollars"):
            client.ask("When?", max_cost=wrong)


def test_the_messages_come_as_they_were_sent(fake: FakeServer, client: Client) -> None:
    fake.events = stream(watermark="w")
    assert list(client.responses("When?")) == fake.events


def test_p5_a_stream_without_an_end_is_no_answer(fake: FakeServer, client: Client) -> None:
    fake.events = stream()
    with pytest.raises(InternalError, match="without a terminal event"):
        client.ask("When?")


def test_leaving_early_cancels(fake: FakeServer, client: Client) -> None:
    fake.endless = True
    for event in client.query("When?"):
        assert isinstance(event, Heartbeat)
        break
    assert fake.left.wait(5)


def test_so_does_an_error_of_the_caller(fake: FakeServer, client: Client) -> None:
    fake.endless = True
    with pytest.raises(ZeroDivisionError):
        for _ in client.query("When?"):
            1 / 0  # noqa: B018 - it is the error that matters
    assert fake.left.wait(5)


def test_closing_the_iterator_cancels(fake: FakeServer, client: Client) -> None:
    fake.endless = True
    for stream in (client.query("When?"), client.responses("When?")):
        fake.left.clear()
        next(stream)
        stream.close()
        assert fake.left.wait(5)


async def test_leaving_early_cancels_for_asyncio(fake: FakeServer) -> None:
    fake.endless = True
    async with AsyncClient(fake.address) as client:
        async for event in client.query("When?"):
            assert isinstance(event, Heartbeat)
            break
        assert await asyncio.to_thread(fake.left.wait, 5)


async def test_a_cancelled_task_cancels_its_stream(fake: FakeServer) -> None:
    fake.endless = True
    async with AsyncClient(fake.address) as client:
        task = asyncio.create_task(client.ask("When?"))
        while not fake.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(fake.left.wait, 5)


def test_p5_an_error_in_the_middle_of_a_stream_is_typed_and_comes_after_the_events(
    fake: FakeServer, client: Client, fail_with: Any
) -> None:
    fake.events = stream()
    fake.breaks = fail_with(grpc.StatusCode.UNAVAILABLE, "STAGE_FAILED", stage="generator")
    seen = []
    with pytest.raises(Unavailable) as error:
        for event in client.query("When?"):
            seen.append(event)  # noqa: PERF402 - what came before the error counts
    assert len(seen) == len(fake.events)
    assert (error.value.reason, error.value.metadata) == ("STAGE_FAILED", {"stage": "generator"})
    assert len(fake.requests) == 1  # a stream that has begun is not tried again
    with pytest.raises(Unavailable):
        client.ask("When?")


def test_what_a_search_went_without_is_told(fake: FakeServer, client: Client) -> None:
    fake.responses["Retrieve"] = query_service_pb2.RetrieveResponse(
        passages=[evidence_pb2.Passage(rank=1, document="a")],
        watermark="w",
        degraded=[query_service_pb2.Degraded(stage="dense", reason="was too late")],
    )
    passages = client.retrieve("When?")
    assert [passage.document for passage in passages] == ["a"]
    assert passages.watermark == "w"
    assert passages.degraded == (Degraded(stage="dense", reason="was too late"),)


@pytest.mark.parametrize("name", [n for n in vars(Client) if not n.startswith("_")])
def test_both_clients_have_the_same_methods(name: str) -> None:
    if name == "ingest":  # the one for asyncio takes asynchronous iterables as well
        assert set(inspect.signature(Client.ingest).parameters) == set(inspect.signature(AsyncClient.ingest).parameters)
        return
    mine, other = (inspect.signature(getattr(kind, name)).parameters for kind in (Client, AsyncClient))
    assert mine == other
    assert inspect.getdoc(getattr(AsyncClient, name))


SCHEMA = {"type": "object", "title": "Größe"}


@pytest.mark.parametrize(
    ("options", "wanted", "schema"),
    [
        ({}, "UNSPECIFIED", None),
        ({"format": "markdown"}, "MARKDOWN", None),
        ({"format": AnswerFormat.TEXT}, "TEXT", None),
        ({"format": "json", "json_schema": SCHEMA}, "JSON", SCHEMA),
        ({"json_schema": SCHEMA}, "JSON", SCHEMA),
        ({"json_schema": '{"type": "object", "title": "Größe"}'}, "JSON", SCHEMA),
        ({"json_schema": True}, "JSON", True),
    ],
)
async def test_the_format_of_an_answer_is_asked_for(
    fake: FakeServer, client: Client, options: dict[str, Any], wanted: str, schema: object
) -> None:
    fake.events = [query_service_pb2.QueryResponse(seq=1, completed=query_service_pb2.Completed())]
    client.ask("When?", **options)
    async with AsyncClient(fake.address) as other:
        await other.ask("When?", **options)
    for request in fake.requests:
        assert isinstance(request, query_service_pb2.QueryRequest)
        assert request.format == query_service_pb2.AnswerFormat.Value(f"ANSWER_FORMAT_{wanted}")
        assert (json.loads(request.json_schema) if request.json_schema else None) == schema


def test_a_format_that_there_is_not_is_told(client: Client) -> None:
    with pytest.raises(ValueError, match="text, markdown or json, not 'xml'"):
        client.ask("When?", format="xml")


def test_an_answer_in_json_comes_parsed(fake: FakeServer, client: Client) -> None:
    answer = query_service_pb2.Answer(text='{"opened": 1911}')
    completed = query_service_pb2.Completed(answer=answer)
    fake.events = [query_service_pb2.QueryResponse(seq=1, completed=completed)]
    assert client.ask("When?", json_schema=True).json() == {"opened": 1911}
    none = query_service_pb2.Abstention(reason=query_service_pb2.ABSTENTION_REASON_NO_RELEVANT_CONTENT)
    completed.CopyFrom(query_service_pb2.Completed(abstention=none))
    fake.events = [query_service_pb2.QueryResponse(seq=1, completed=completed)]
    with pytest.raises(ValueError, match="not answered: NO_RELEVANT_CONTENT"):
        client.ask("When?", json_schema=True).json()
