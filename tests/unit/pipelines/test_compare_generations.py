"""Two generations over the same questions: which are asked, what is compared, and in which order it comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.pipelines.compare_generations import CompareGenerations, CompareRequest, GenerationComparison
from ragstone_server.pipelines.retrieve import Retrieval, RetrieveRequest
from ragstone_server.spi.catalog_store import CollectionRecord
from ragstone_server.spi.errors import GenerationNotFound, GenerationNotReady, InvalidRequest
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.generations import Generation, GenerationNumber, GenerationState
from ragstone_server.spi.positions import NO_POSITION
from ragstone_server.spi.questions import AskedQuestion
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.rewriter import SearchText
from ragstone_server.testing.conformance.catalog_samples import LATER, NOW, SETTINGS
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.clock import MemoryClock
from ragstone_server.transport.convert.generations import comparison_to
from ragstone_server.wrappers.fallible import Degradation

ONE, TWO, THREE = map(GenerationNumber, (1, 2, 3))
STATES = (GenerationState.LIVE, GenerationState.READY, GenerationState.BUILDING)


@dataclass
class Bench:
    """A collection of three generations whose rankings a test names."""

    collection: CollectionRecord
    compare: CompareGenerations
    store: MemoryCatalogStore
    rankings: dict[tuple[int, str], Sequence[ScoredPassage]] = field(default_factory=dict)
    asked: list[RetrieveRequest] = field(default_factory=list)
    degraded: Mapping[int, str] = field(default_factory=dict)

    async def retrieve(self, request: RetrieveRequest) -> Retrieval:
        """What a test has said of a generation."""
        self.asked.append(request)
        assert request.generation is not None
        degradations = [
            Degradation(stage="dense", reason=why) for n, why in self.degraded.items() if n == request.generation
        ]
        return Retrieval(
            collection=self.collection,
            search_text=SearchText(dense=request.question, lexical=request.question),
            passages=tuple(self.rankings.get((request.generation, request.question), ())),
            watermark=Watermark(epoch="", collection=self.collection.key, position=NO_POSITION),
            degradations=tuple(degradations),
            times=(),
        )

    async def __call__(self, compared: int, base: int | None = None, *questions: str) -> GenerationComparison:
        """Compare."""
        return await self.compare(
            CompareRequest(
                context=CONTEXT,
                compared=GenerationNumber(compared),
                base=None if base is None else GenerationNumber(base),
                questions=questions,
            )
        )


@pytest.fixture
async def bench() -> Bench:
    store = MemoryCatalogStore()
    made = await store.create_collection(CONTEXT.collection, SETTINGS, NOW)
    for state in STATES:
        async with store.transaction(made.key) as transaction:
            await transaction.add_generation(Generation(embedder=state, chunker="c"), None, state, NOW)
    catalog = Catalog(store, MemoryClock())
    bench = Bench(collection=await store.collection(CONTEXT.collection), compare=None, store=store)  # type: ignore[arg-type]
    bench.compare = CompareGenerations(catalog, bench.retrieve, 10)
    return bench


def documents(*numbers: int) -> list[ScoredPassage]:
    return [scored(number, f"text of {number}") for number in numbers]


def part(passage: ScoredPassage, start: int, end: int) -> ScoredPassage:
    return replace(passage, passage=replace(passage.passage, range=ByteRange(start=start, end=end)))


async def test_the_same_rankings_agree_and_others_come_first(bench: Bench) -> None:
    bench.rankings = {
        (1, "same"): documents(1, 2, 3),
        (2, "same"): documents(1, 2, 3),
        (1, "other"): documents(1, 2),
        (2, "other"): documents(7, 8),
        (1, "moved"): documents(1, 2, 3),
        (2, "moved"): documents(2, 1, 4),
    }
    compared = await bench(2, None, "same", "moved", "other")
    assert (compared.base.number, compared.compared.number, compared.top_k) == (1, 2, 10)
    assert [each.question for each in compared.questions] == ["other", "moved", "same"]
    other, moved, same = compared.questions
    assert (other.overlap, other.rank_biased_overlap, other.text_overlap) == (0, 0, 0)
    assert (same.overlap, same.rank_biased_overlap, same.text_overlap) == pytest.approx((1, 1, 1))
    assert (moved.entered, moved.left, moved.first_changed) == (("document-4",), ("document-3",), True)
    assert 0 < moved.rank_biased_overlap < 1
    assert compared.overlap == pytest.approx((0 + 2 / 3 + 1) / 3)
    assert [each.first_changed for each in compared.questions] == [True, True, False]
    wire = comparison_to(CONTEXT.collection, compared)
    assert wire.first_changed == 2
    assert [(each.rank, each.document, each.other_rank) for each in wire.questions[1].compared] == [
        (1, "document-2", 2),
        (2, "document-1", 1),
        (3, "document-4", 0),
    ]


async def test_another_chunker_is_compared_by_what_its_passages_cover(bench: Bench) -> None:
    """Passages of one document count as one, at its best place."""
    first, again = part(scored(1, "x"), 0, 100), part(scored(2, "x", document=1), 100, 200)
    bench.rankings = {(1, "q"): [first, again], (2, "q"): [part(scored(3, "x", document=1), 50, 150)]}
    (question,) = (await bench(2, 1, "q")).questions
    assert (question.overlap, question.rank_biased_overlap) == pytest.approx((1, 1))
    assert question.text_overlap == pytest.approx(0.5)
    bench.rankings[2, "q"] = [part(scored(3, "x", document=1, version=2), 0, 200)]
    (question,) = (await bench(2, 1, "q")).questions
    assert question.text_overlap == 0, "the text of another version is another text"


async def test_recorded_questions_are_asked_of_both(bench: Bench) -> None:
    """The latest, as the caller: its filter, its number of passages, its permissions, its deadline."""
    asked = [
        AskedQuestion(collection=bench.collection.key, text=text, asked=at)
        for text, at in (("old", NOW), ("new", LATER))
    ]
    await bench.store.questions.record(asked, 10)
    request = CompareRequest(context=replace(CONTEXT, deadline=9.0), compared=TWO, base=None, sample=1, top_k=3)
    compared = await bench.compare(request)
    assert [each.question for each in compared.questions] == ["new"]
    assert {(each.generation, each.question, each.top_k, each.context.deadline) for each in bench.asked} == {
        (1, "new", 3, 9.0),
        (2, "new", 3, 9.0),
    }
    assert all(each.min_watermark for each in bench.asked), "views that still come up are waited for"
    assert len((await bench(2)).questions) == 2
    assert await bench.store.questions.questions(bench.collection.key, 1), "comparing records nothing"


async def test_without_questions_nothing_differs(bench: Bench) -> None:
    compared = await bench(2)
    assert (compared.questions, compared.overlap, compared.rank_biased_overlap) == ((), 1.0, 1.0)


async def test_what_was_skipped_is_said(bench: Bench) -> None:
    bench.degraded = {2: "took too long"}
    (question,) = (await bench(2, None, "q")).questions
    assert question.degraded == ("generation 2: dense took too long",)


async def test_what_cannot_be_compared_is_refused(bench: Bench) -> None:
    with pytest.raises(GenerationNotFound, match="generation 9"):
        await bench(9)
    with pytest.raises(GenerationNotFound, match="generation 9"):
        await bench(2, 9)
    with pytest.raises(GenerationNotReady, match="does not have all documents yet"):
        await bench(3)
    with pytest.raises(InvalidRequest, match="with itself"):
        await bench(1)
    assert not bench.asked
