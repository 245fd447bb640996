"""A question, whole: evidence, a streamed answer with checked citations, or an honest no."""

import json
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ragstone import (
    Abstention,
    Client,
    Started,
)
from ragstone.protojson import to_json
from tests.served import Served

HANDBOOK = Path(__file__).parent.parent.parent / "handbook"
QUESTION = "How much is the deposit for a reefer plug?"


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
    events.close()
    assert client.ask(QUESTION, collection="handbook").abstention is None


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
