"""What two generations of a collection's index find for the same questions, side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.together import together
from ragstone_server.pipelines.agreement import overlap, rank_biased_overlap, text_overlap
from ragstone_server.pipelines.recording import Retriever
from ragstone_server.pipelines.retrieve import Retrieval, RetrieveRequest
from ragstone_server.spi.catalog_store import CollectionRecord
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.errors import GenerationNotFound, GenerationNotReady, InvalidRequest
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.filters import Filter
from ragstone_server.spi.generations import GenerationNumber, GenerationRecord, GenerationState, find
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import DocumentKey
from ragstone_server.spi.ranges import ByteRange

SAMPLE = 100
"""Recorded questions that are asked where the caller names no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """Which generations, and with which questions."""

    context: RequestContext
    """The caller's: only what it may read is ranked."""
    compared: GenerationNumber
    base: GenerationNumber | None
    """None: the live one."""
    questions: tuple[str, ...] = ()
    """Empty: the latest recorded ones."""
    sample: int | None = None
    """Most recorded questions; None: `SAMPLE`."""
    top_k: int | None = None
    """Passages of each ranking; None: the configured number."""
    filter: Filter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingComparison:
    """What both find for one question."""

    question: str
    base: tuple[ScoredPassage, ...]
    compared: tuple[ScoredPassage, ...]
    overlap: float
    """As of `agreement`, of the documents; the others likewise."""
    rank_biased_overlap: float
    text_overlap: float
    """Of the passages' places in the texts."""
    degraded: tuple[str, ...]
    """Stages that were skipped for either, and why."""

    @property
    def entered(self) -> tuple[DocumentId, ...]:
        """Documents that only `compared` has, in its order."""
        return _without(documents(self.compared), documents(self.base))

    @property
    def left(self) -> tuple[DocumentId, ...]:
        """Documents that only `base` has, in its order."""
        return _without(documents(self.base), documents(self.compared))

    @property
    def first_changed(self) -> bool:
        """Whether another document comes first."""
        return documents(self.base)[:1] != documents(self.compared)[:1]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationComparison:
    """How the rankings of two generations differ."""

    base: GenerationRecord
    compared: GenerationRecord
    top_k: int
    questions: tuple[RankingComparison, ...]
    """Those that differ most first."""

    @property
    def overlap(self) -> float:
        """Mean of the questions; 1 without any, as the others."""
        return _mean(each.overlap for each in self.questions)

    @property
    def rank_biased_overlap(self) -> float:
        """Mean of the questions."""
        return _mean(each.rank_biased_overlap for each in self.questions)

    @property
    def text_overlap(self) -> float:
        """Mean of the questions."""
        return _mean(each.text_overlap for each in self.questions)


class CompareGenerations:
    """One question after the other, so that those of others are held up as little as by one caller."""

    def __init__(self, catalog: Catalog, retrieve: Retriever, default_top_k: int) -> None:
        """`retrieve` is not one that records: a comparison asks nothing new."""
        self._catalog = catalog
        self._retrieve = retrieve
        self._default_top_k = default_top_k

    async def __call__(self, request: CompareRequest) -> GenerationComparison:
        """Raises `GenerationNotFound`, `GenerationNotReady`, and what `Retrieve` raises."""
        collection = await self._catalog.collection(request.context.collection)
        compared, base = _readable(collection, request.compared), _readable(collection, request.base)
        if compared.number == base.number:
            raise InvalidRequest.of_field("base", f"generation {base.number} is compared with itself; name another")
        questions: Sequence[str] = request.questions
        if not questions:
            recorded = await self._catalog.store.questions.questions(collection.key, request.sample or SAMPLE)
            questions = [each.text for each in recorded]
        # Views that still come up are waited for: a ranking without some documents would say nothing of the generation.
        asked = RetrieveRequest(
            context=request.context,
            question="",
            filter=request.filter,
            top_k=request.top_k,
            min_watermark=str(self._catalog.watermark(collection, collection.head)),
        )
        rankings = [
            await self._ask(replace(asked, question=question), base.number, compared.number) for question in questions
        ]
        return GenerationComparison(
            base=base,
            compared=compared,
            top_k=request.top_k or self._default_top_k,
            questions=tuple(sorted(rankings, key=lambda each: (each.rank_biased_overlap, each.text_overlap))),
        )

    async def _ask(
        self, asked: RetrieveRequest, base: GenerationNumber, compared: GenerationNumber
    ) -> RankingComparison:
        former, latter = await together(
            self._retrieve(replace(asked, generation=base)), self._retrieve(replace(asked, generation=compared))
        )
        ranked = documents(former.passages), documents(latter.passages)
        return RankingComparison(
            question=asked.question,
            base=former.passages,
            compared=latter.passages,
            overlap=overlap(*ranked),
            rank_biased_overlap=rank_biased_overlap(*ranked),
            text_overlap=text_overlap(_places(former), _places(latter)),
            degraded=tuple(
                f"generation {number}: {each.stage} {each.reason}"
                for number, retrieval in ((base, former), (compared, latter))
                for each in retrieval.degradations
            ),
        )


def _readable(collection: CollectionRecord, number: GenerationNumber | None) -> GenerationRecord:
    """One that has all documents; None: the live one."""
    record = collection.live if number is None else find(collection.generations, number)
    if record is None:
        raise GenerationNotFound(f"{collection.name} has no generation: it never had a document")
    if record.state is GenerationState.BUILDING:
        raise GenerationNotReady(
            f"generation {record.number} does not have all documents yet; wait for its reindex",
            metadata={"state": record.state},
        )
    return record


def documents(passages: Iterable[ScoredPassage]) -> tuple[DocumentId, ...]:
    """Each once, in the order of its best passage."""
    return tuple(dict.fromkeys(each.passage.document for each in passages))


def _places(retrieval: Retrieval) -> list[tuple[tuple[DocumentKey, int], ByteRange]]:
    return [((each.passage.document_key, each.passage.version), each.passage.range) for each in retrieval.passages]


def _without(some: Sequence[DocumentId], others: Sequence[DocumentId]) -> tuple[DocumentId, ...]:
    return tuple(each for each in some if each not in set(others))


def _mean(figures: Iterable[float]) -> float:
    all_of_them = list(figures)
    return sum(all_of_them) / len(all_of_them) if all_of_them else 1.0
