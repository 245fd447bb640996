"""Suite of the kind `reranker`. A subclass gives the fixture `reranker`; see `tests/conformance`."""

import pytest

from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.reranker import Ranked, Reranker, RerankRequest
from ragstone_server.testing.conformance.samples import CONTEXT, scored

QUESTION = "At what time does the ferry leave Nordvik?"
ANSWER = "The ferry leaves Nordvik at seven in the morning; at what time it returns depends on the tide."
PASSAGES = (
    scored(1, "Invoices are paid within thirty days of receipt."),
    scored(2, "Bicycles need no ticket."),
    scored(3, ANSWER),
    scored(4, "Überstunden werden mit dem Monatslohn vergütet. 残業代は翌月に支払われます。"),
    scored(5, ""),
    scored(6, "words " * 3000),
)


class RerankerConformance:
    """Every promise of `spi.reranker`."""

    async def rerank(
        self, reranker: Reranker, question: str, passages: tuple[ScoredPassage, ...]
    ) -> tuple[Ranked, ...]:
        """A ranking that is one."""
        ranking = await reranker(RerankRequest(context=CONTEXT, question=question, passages=passages))
        indexes = [place.index for place in ranking]
        assert len(set(indexes)) == len(indexes)
        assert set(indexes) <= set(range(len(passages)))
        scores = [place.score for place in ranking]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)
        return ranking

    async def test_the_passage_that_answers_comes_first(self, reranker: Reranker) -> None:
        """Among passages about other things."""
        assert (await self.rerank(reranker, QUESTION, PASSAGES))[0].index == 2

    @pytest.mark.parametrize("question", [QUESTION, "?", "", "神戸", "why " * 2000])
    async def test_any_question_gives_a_ranking(self, reranker: Reranker, question: str) -> None:
        """Odd ones too."""
        await self.rerank(reranker, question, PASSAGES)

    async def test_one_passage(self, reranker: Reranker) -> None:
        """It is ranked first, or dropped."""
        assert len(await self.rerank(reranker, QUESTION, PASSAGES[:1])) <= 1

    async def test_no_passages_give_an_empty_ranking(self, reranker: Reranker) -> None:
        """An empty request is no error."""
        assert await self.rerank(reranker, QUESTION, ()) == ()

    async def test_the_order_of_the_request_does_not_decide(self, reranker: Reranker) -> None:
        """The best passage is the best wherever it stood."""
        assert (await self.rerank(reranker, QUESTION, tuple(reversed(PASSAGES))))[0].index == 3
