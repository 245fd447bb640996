"""The way of a question: evidence first, then the answer, and one end."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ragstone_server.pipelines.events import Citation, Completed, Delta, EvidenceFound, QueryEvent, Started
from ragstone_server.pipelines.settings import AnswerSettings
from ragstone_server.spi.errors import StageFailed
from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.generator import Abstention
from ragstone_server.spi.prompts import PromptDraft, PromptName
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.generator import MemoryGenerator
from ragstone_server.wrappers.fallible import Degradation
from tests.unit.pipelines.house import House, open_house

FERRY = "The ferry to Nordvik leaves at nine."


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


async def ask(house: House) -> list[QueryEvent]:
    receipt = await house.put("ferry", FERRY)
    return await house.events("When does the ferry to Nordvik leave?", min_watermark=str(receipt.watermark))


def only(found: list[QueryEvent], kind: type) -> list[Any]:
    return [event for event in found if isinstance(event, kind)]


async def test_the_events_come_in_their_order_and_end_once(house: House) -> None:
    found = await ask(house)
    assert isinstance(found[0], Started)
    assert isinstance(found[-1], Completed)
    assert len(only(found, Completed)) == 1
    first_delta = next(i for i, event in enumerate(found) if isinstance(event, Delta))
    assert found.index(only(found, EvidenceFound)[0]) < first_delta


async def test_a_citation_points_at_text_that_was_in_the_evidence(house: House) -> None:
    found = await ask(house)
    (citation,) = only(found, Citation)
    (evidence,) = only(found, EvidenceFound)
    assert citation.passage in evidence.passages
    assert citation.range.of(found[-1].answer.text.encode()) == FERRY  # type: ignore[union-attr]


async def test_the_generator_gets_the_question_the_search_text_and_the_budget(house: House) -> None:
    house.answer = AnswerSettings(max_output_tokens=77)
    await ask(house)
    (request,) = house.generators[0].requests
    assert request.question == request.search_text == "When does the ferry to Nordvik leave?"
    assert request.max_output_tokens == 77
    assert [passage.number for passage in request.evidence] == [1]


async def test_where_nothing_may_be_read_no_model_is_asked(house: House) -> None:
    found = await house.events("Anything?")
    assert only(found, EvidenceFound)[0].passages == ()
    (end,) = only(found, Completed)
    assert (end.abstention, end.attempts) == (Abstention.NO_PERMITTED_CONTENT, ())
    assert house.generators[0].requests == []
    receipt = await house.put("secret", FERRY, readers=frozenset({"somebody-else"}))
    other = await house.events("Anything?", min_watermark=str(receipt.watermark))
    assert only(other, Completed)[0].abstention is Abstention.NO_PERMITTED_CONTENT


async def test_where_a_filter_leaves_nothing_nothing_is_relevant(house: House) -> None:
    receipt = await house.put("ferry", FERRY, year=2020)
    newer = Comparison(field="year", operator=Operator.GREATER, value=2024)
    found = await house.events("When?", filter=newer, min_watermark=str(receipt.watermark))
    assert only(found, Completed)[0].abstention is Abstention.NO_RELEVANT_CONTENT


async def test_without_the_context_filter_all_evidence_is_used_and_the_stream_says_so(house: House) -> None:
    async def failing(request: object, /) -> Any:
        raise OSError("secret detail")

    house.stages["context_filter"] = failing
    found = await ask(house)
    assert Degradation(stage="context_filter", reason="failed and was skipped") in found
    assert len(only(found, EvidenceFound)[0].passages) == 1
    assert found.index(only(found, Degradation)[0]) < found.index(only(found, EvidenceFound)[0])


async def test_a_failure_is_raised_and_never_answer_text(house: House) -> None:
    house.generators = (MemoryGenerator((OSError("secret detail"),)),)
    with pytest.raises(StageFailed, match="no model answered"):
        await ask(house)


async def test_the_second_generator_answers_where_the_first_fails(house: House) -> None:
    house.generators = (MemoryGenerator(("No", OSError())), MemoryGenerator(model="second"))
    completed = (await ask(house))[-1]
    assert isinstance(completed, Completed)
    assert completed.answer.text == f"{FERRY} [1]"


async def test_a_model_reads_the_evidence_and_the_answer_names_the_prompt(house: House) -> None:
    await house.put("a", "The ferry leaves at nine.")
    await house.ask("ferry", min_watermark="")
    house.generators = (MemoryGenerator(),)
    events = await house.events("When does the ferry leave?")
    (asked,) = house.generators[0].requests
    assert "The ferry leaves at nine." in asked.prompt[-1].text
    assert isinstance(events[-1], Completed)
    assert events[-1].prompt_version == asked.prompt_version == "builtin-1"


async def test_the_prompt_that_a_collection_has_activated_is_used(house: House) -> None:
    await house.put("a", "The ferry leaves at nine.")
    prompts, collection = house.catalog.prompts, CONTEXT.collection
    draft = PromptDraft(
        system="Be brief, or say {{ no_answer }}.", user="{{ evidence }}\n{{ question }}", description=""
    )
    made = await prompts.create(collection, draft, "user:ada")
    await prompts.activate(PromptName(collection=collection, version=made.version), "user:ada")
    events = await house.events("When does the ferry leave?")
    assert house.generators[0].requests[-1].prompt[0].text.startswith("Be brief, or say NO_ANSWER.\n\n")
    assert isinstance(events[-1], Completed)
    assert events[-1].prompt_version == "1"
