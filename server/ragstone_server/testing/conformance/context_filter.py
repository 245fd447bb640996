"""Suite of the kind `context_filter`. A subclass gives the fixture `context_filter`; see `tests/conformance`."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone_server.spi.context_filter import ContextFilter, ContextFilterRequest, DropReason, FilteredContext
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.testing.conformance.samples import CONTEXT, scored

PROPERTY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
FERRY = (
    "The ferry to the island leaves the harbour of Nordvik at seven in the morning and carries bicycles free of charge."
)
LEAVE = (
    "Annual leave that is not taken within the calendar year may be carried over when the head of department agrees."
)

_SCORES = st.dictionaries(st.sampled_from(["dense", "lexical", "rerank"]), st.floats(0, 1), max_size=3)
_PASSAGES = st.lists(
    st.builds(
        lambda text, score, scores, document, version: (text, score, scores, document, version),
        st.one_of(st.sampled_from([FERRY, LEAVE, f"{FERRY} {LEAVE}", ""]), st.text(max_size=40)),
        st.floats(0, 1),
        _SCORES,
        st.integers(1, 4),
        st.integers(1, 3),
    ),
    max_size=12,
).map(
    lambda rows: tuple(
        scored(key, text, score=score, scores=scores, document=document, version=version)
        for key, (text, score, scores, document, version) in enumerate(rows, 1)
    )
)


class ContextFilterConformance:
    """Every promise of `spi.context_filter`."""

    async def filter(self, context_filter: ContextFilter, passages: tuple[ScoredPassage, ...]) -> FilteredContext:
        """Filter, with everything at its default."""
        return await context_filter(
            ContextFilterRequest(context=CONTEXT, question="When does the ferry leave?", passages=passages)
        )

    @PROPERTY
    @given(passages=_PASSAGES)
    async def test_each_passage_is_kept_or_dropped_and_the_order_stays(
        self, context_filter: ContextFilter, passages: tuple[ScoredPassage, ...]
    ) -> None:
        """Never both, never changed."""
        found = await self.filter(context_filter, passages)
        gone = [dropped.index for dropped in found.dropped]
        assert len(set(gone)) == len(gone)
        assert set(gone) <= set(range(len(passages)))
        assert found.kept == tuple(each for index, each in enumerate(passages) if index not in set(gone))

    @PROPERTY
    @given(passages=_PASSAGES)
    async def test_reasons_are_true(self, context_filter: ContextFilter, passages: tuple[ScoredPassage, ...]) -> None:
        """Of the superseded there is a newer version, and before a duplicate stands what it duplicates."""
        for dropped in (await self.filter(context_filter, passages)).dropped:
            passage = passages[dropped.index].passage
            if dropped.reason is DropReason.SUPERSEDED:
                others = [each.passage for each in passages if each.passage.document_key == passage.document_key]
                assert any(other.version > passage.version for other in others)
            elif dropped.reason is DropReason.DUPLICATE:
                assert dropped.index > 0

    @PROPERTY
    @given(passages=_PASSAGES)
    async def test_the_same_request_gives_the_same_context(
        self, context_filter: ContextFilter, passages: tuple[ScoredPassage, ...]
    ) -> None:
        """Nothing is kept from one question to the next."""
        first = await self.filter(context_filter, passages)
        await self.filter(context_filter, (scored(1, FERRY),))
        assert await self.filter(context_filter, passages) == first

    async def test_good_evidence_stays(self, context_filter: ContextFilter) -> None:
        """Passages of high scores that say different things."""
        passages = (scored(1, FERRY, score=0.9), scored(2, LEAVE, score=0.8))
        assert (await self.filter(context_filter, passages)).kept == passages

    async def test_no_passages_give_none(self, context_filter: ContextFilter) -> None:
        """An empty request is no error."""
        assert await self.filter(context_filter, ()) == FilteredContext(kept=(), dropped=())
