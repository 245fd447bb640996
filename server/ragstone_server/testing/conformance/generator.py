"""Suite of the kind `generator`. A subclass gives the fixture `generator`; see `tests/conformance`.

Whether a generator answers a question is its own affair: every test here holds for an answer and for an abstention.
"""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence

import pytest

from ragstone_server.spi.context import Caller, RequestContext
from ragstone_server.spi.evidence import NumberedPassage, Passage, ScoredPassage
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.generator import (
    Finished,
    FinishReason,
    GenerateRequest,
    GenerationEvent,
    Generator,
    TextDelta,
)
from ragstone_server.spi.names import DEFAULT_COLLECTION, DEFAULT_TENANT, CollectionName, DocumentId
from ragstone_server.spi.positions import ContentKey, DocumentKey, PassageKey
from ragstone_server.spi.ranges import ByteRange

_MARKER = re.compile(r"\[(\d+)\]")

HARBOUR = "The harbour of Nordvik was opened in 1911. It has three piers and a lighthouse."
TRAVEL = "Employees travel second class by rail. Flights need the consent of the head of department."
OPENED = "When was the harbour of Nordvik opened?"
QUESTIONS = (OPENED, "Who composed the opera about the moon of Zarmina?", "1911?", "?", "[7]")
"""One that is answered, one that is not, and some that are hardly questions."""


def numbered(number: int, text: str, *, title: str = "", headings: tuple[str, ...] = ()) -> NumberedPassage:
    """A passage of a document of its own, as it stands in the prompt."""
    whole = ByteRange(start=0, end=len(text.encode()))
    passage = Passage(
        key=PassageKey(number),
        passage_id=f"p{number}",
        document=DocumentId(f"document-{number}"),
        document_key=DocumentKey(number),
        content_key=ContentKey(number),
        generation=FIRST,
        ordinal=0,
        version=1,
        title=title,
        uri="",
        page=None,
        headings=headings,
        range=whole,
        text=text,
        metadata={},
    )
    scored = ScoredPassage(passage=passage, score=1 / number, scores={"dense": 1 / number})
    return NumberedPassage(number=number, scored=scored, range=whole, text=text)


def generate_request(question: str, *evidence: NumberedPassage, max_output_tokens: int = 200) -> GenerateRequest:
    """A question of one turn."""
    return GenerateRequest(
        context=RequestContext(
            request_id="r1",
            caller=Caller(principal="user:ada"),
            collection=CollectionName(tenant=DEFAULT_TENANT, collection=DEFAULT_COLLECTION),
        ),
        question=question,
        search_text=question,
        turns=(),
        evidence=evidence,
        max_output_tokens=max_output_tokens,
    )


async def collect(generator: Generator, request: GenerateRequest) -> list[GenerationEvent]:
    """All events of one answer."""
    async with generator(request) as events:
        return [event async for event in events]


def answer_text(events: Sequence[GenerationEvent]) -> str:
    """The answer that the deltas make."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


class GeneratorConformance(ABC):
    """The promises of `spi.generator`."""

    @pytest.fixture
    @abstractmethod
    def generator(self) -> Generator | AsyncIterator[Generator]:
        """The generator under test, opened."""

    @pytest.fixture
    def evidence(self) -> tuple[NumberedPassage, ...]:
        """Two passages; the first answers `OPENED`."""
        return (numbered(1, HARBOUR, title="Harbour"), numbered(2, TRAVEL, title="Travel policy"))

    def test_names_its_model(self, generator: Generator) -> None:
        """The stream can name what answers."""
        assert generator.model

    def test_says_whether_it_writes_json(self, generator: Generator) -> None:
        """A question for JSON is refused before any work where none can."""
        assert isinstance(generator.writes_json, bool)

    @pytest.mark.parametrize("question", QUESTIONS)
    async def test_ends_with_exactly_one_finished(
        self, generator: Generator, evidence: tuple[NumberedPassage, ...], question: str
    ) -> None:
        """P5: the last event, and no other, is the end."""
        events = await collect(generator, generate_request(question, *evidence))
        assert [index for index, event in enumerate(events) if isinstance(event, Finished)] == [len(events) - 1]

    @pytest.mark.parametrize("question", QUESTIONS)
    async def test_abstention_is_set_if_and_only_if_nothing_was_said(
        self, generator: Generator, evidence: tuple[NumberedPassage, ...], question: str
    ) -> None:
        """P7: an abstention has a cause and no text; an answer has text and no cause."""
        *deltas, end = await collect(generator, generate_request(question, *evidence))
        assert isinstance(end, Finished)
        abstained = end.finish_reason is FinishReason.ABSTAINED
        assert abstained == (end.abstention is not None) == (not deltas)

    @pytest.mark.parametrize("question", QUESTIONS)
    async def test_deltas_are_not_empty(
        self, generator: Generator, evidence: tuple[NumberedPassage, ...], question: str
    ) -> None:
        """Every delta carries text."""
        events = await collect(generator, generate_request(question, *evidence))
        assert all(event.text for event in events if isinstance(event, TextDelta))

    @pytest.mark.parametrize("question", QUESTIONS)
    async def test_p6_markers_name_passages_of_the_evidence(
        self, generator: Generator, evidence: tuple[NumberedPassage, ...], question: str
    ) -> None:
        """A number that stands for no passage is never cited."""
        text = answer_text(await collect(generator, generate_request(question, *evidence)))
        assert {int(number) for number in _MARKER.findall(text)} <= {passage.number for passage in evidence}

    @pytest.mark.parametrize("question", QUESTIONS)
    async def test_p7_no_evidence_is_an_abstention(self, generator: Generator, question: str) -> None:
        """Nothing can be said from nothing."""
        (end,) = await collect(generator, generate_request(question))
        assert isinstance(end, Finished)
        assert end.finish_reason is FinishReason.ABSTAINED

    async def test_evidence_without_words_is_no_error(self, generator: Generator) -> None:
        """Passages of marks only are read as well."""
        events = await collect(generator, generate_request(OPENED, numbered(1, "---\n\n| |\n"), numbered(2, "***")))
        assert isinstance(events[-1], Finished)

    @pytest.mark.parametrize("limit", [1, 5, 30])
    async def test_p11_the_token_budget_ends_the_answer(
        self, generator: Generator, evidence: tuple[NumberedPassage, ...], limit: int
    ) -> None:
        """An answer that exceeds its budget says that it was cut; one that stopped by itself is within it."""
        end = (await collect(generator, generate_request(OPENED, *evidence, max_output_tokens=limit)))[-1]
        assert isinstance(end, Finished)
        assert end.usage.output_tokens <= limit or end.finish_reason is FinishReason.LENGTH

    async def test_p8_usage_is_counted(self, generator: Generator, evidence: tuple[NumberedPassage, ...]) -> None:
        """What went in costs, and what came out."""
        events = await collect(generator, generate_request(OPENED, *evidence))
        end = events[-1]
        assert isinstance(end, Finished)
        assert end.usage.input_tokens > 0
        assert (end.usage.output_tokens > 0) == bool(answer_text(events))

    async def test_leaving_early_is_clean(self, generator: Generator, evidence: tuple[NumberedPassage, ...]) -> None:
        """The iterator may be left unfinished, or never begun; the next answer is whole."""
        request = generate_request(OPENED, *evidence)
        whole = await collect(generator, request)
        async with generator(request):
            pass
        async with generator(request) as events:
            await anext(events)
        assert await collect(generator, request) == whole

    async def test_cancelling_is_cancelled(self, generator: Generator, evidence: tuple[NumberedPassage, ...]) -> None:
        """A cancelled caller sees the cancellation, and the generator lives on."""
        request = generate_request(OPENED, *evidence)
        whole = await collect(generator, request)
        for turns in range(4):
            task = asyncio.ensure_future(collect(generator, request))
            for _ in range(turns):
                await asyncio.sleep(0)
            if task.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await task
        assert await collect(generator, request) == whole

    async def test_answers_side_by_side(self, generator: Generator, evidence: tuple[NumberedPassage, ...]) -> None:
        """Streams do not disturb each other."""
        requests = [generate_request(question, *evidence) for question in QUESTIONS]
        alone = [await collect(generator, request) for request in requests]
        assert await asyncio.gather(*(collect(generator, request) for request in requests)) == alone
