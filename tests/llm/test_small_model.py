"""A real small model on the CPU, from end to end over real documents. `make test-llm`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragstone import AttemptStarted, Client, Completed, Delta, Event, Evidence, NewDocument
from scripts.local_model import MODELS, serving, settings_for
from tests.served import Served

pytestmark = pytest.mark.llm
HANDBOOK = Path(__file__).parent.parent.parent / "handbook" / "documents"


@pytest.fixture(scope="module", params=sorted(MODELS))
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(request.param) as url:
        settings = settings_for(request.param, url)
        with Served(tmp_path_factory.mktemp("llm") / "data", **settings) as served, served.client() as client:
            files = sorted(HANDBOOK.iterdir())
            sent = (NewDocument(document=f.name, content=f.read_bytes(), filename=f.name) for f in files)
            assert [a.error for a in client.ingest(sent) if a.error] == []
            client.retrieve("ready", min_watermark="session")
            yield client


def ask(client: Client, question: str, **options: object) -> list[Event]:
    return list(client.query(question, top_k=2, temperature=0.0, timeout=300, **options))


def test_an_answer_streams_from_the_model_over_its_evidence(client: Client) -> None:
    events = ask(client, "How much is the deposit for a reefer plug?", max_output_tokens=64)
    names = [type(event) for event in events]
    completed = events[-1]
    assert isinstance(completed, Completed)
    assert names.count(Completed) == 1
    if completed.abstention is None:
        assert names.index(Evidence) < names.index(AttemptStarted) < names.index(Delta)
        assert "".join(event.text for event in events if isinstance(event, Delta)) == completed.text != ""
    assert completed.usage.input_tokens > 100
    assert completed.usage.output_tokens > 0
    assert completed.usage.estimated, "llama.cpp's server tells no usage in a stream"
    assert completed.prompt_version == "builtin-1"
    ranks = {passage.rank for event in events if isinstance(event, Evidence) for passage in event.passages}
    assert {citation.number for citation in completed.citations} <= ranks


def test_the_limit_of_tokens_is_kept(client: Client) -> None:
    completed = ask(client, "Tell me everything about business travel.", max_output_tokens=8)[-1]
    assert isinstance(completed, Completed)
    assert completed.usage.output_tokens <= 8


def test_the_same_question_at_temperature_zero_has_the_same_answer(client: Client) -> None:
    question = "At what state of charge may MV Dunlin not leave the quay with passengers?"
    first, second = (ask(client, question, max_output_tokens=48)[-1] for _ in range(2))
    assert isinstance(first, Completed)
    assert isinstance(second, Completed)
    assert first.text == second.text


def test_a_caller_that_leaves_lets_the_model_serve_the_next_one(client: Client) -> None:
    for event in client.query("Describe business travel at length.", max_output_tokens=400, timeout=300):
        if isinstance(event, Delta):
            break
    assert isinstance(ask(client, "What is the hotel limit per night?", max_output_tokens=16)[-1], Completed)
