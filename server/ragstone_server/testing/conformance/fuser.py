"""Suite of the kind `fuser`. A subclass gives the fixture `fuser`; see `tests/conformance`."""

from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone_server.spi.fuser import DENSE, LEXICAL, FusedHit, Fuser, FuseRequest
from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.views import Hit
from ragstone_server.testing.conformance.samples import CONTEXT

PROPERTY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
Lists = Mapping[str, tuple[Hit, ...]]


def ranking(scores: Mapping[int, float]) -> tuple[Hit, ...]:
    """Hits as a view gives them."""
    order = sorted(scores, key=lambda key: (-scores[key], key))
    return tuple(Hit(key=PassageKey(key), score=scores[key]) for key in order)


# Not nearer to each other than a sum of shares can tell apart.
_SCORES = st.one_of(st.integers(-(10**6), 10**6).map(lambda n: n / 1000), st.sampled_from([0.0, 0.5, 1.0, 17.25]))
rankings: st.SearchStrategy[tuple[Hit, ...]] = st.dictionaries(st.integers(1, 30), _SCORES, max_size=20).map(ranking)
lists_of_hits: st.SearchStrategy[Lists] = st.fixed_dictionaries({}, optional={DENSE: rankings, LEXICAL: rankings})


class FuserConformance:
    """Every promise of `spi.fuser`."""

    async def fuse(self, fuser: Fuser, hits: Lists) -> tuple[FusedHit, ...]:
        """Fuse, with everything at its default."""
        return await fuser(FuseRequest(context=CONTEXT, hits=hits))

    @PROPERTY
    @given(hits=lists_of_hits)
    async def test_every_passage_of_every_retriever_once(self, fuser: Fuser, hits: Lists) -> None:
        """None is lost, none comes twice, and each has the raw scores of those that proposed it."""
        raw: dict[int, dict[str, float]] = {}
        for name, found in hits.items():
            for hit in found:
                raw.setdefault(hit.key, {})[name] = hit.score
        fused = await self.fuse(fuser, hits)
        assert len(fused) == len(raw)
        assert {hit.key: dict(hit.scores) for hit in fused} == raw

    @PROPERTY
    @given(hits=lists_of_hits)
    async def test_best_first_and_ties_in_the_order_of_the_keys(self, fuser: Fuser, hits: Lists) -> None:
        """Scores are 0 to 1."""
        fused = await self.fuse(fuser, hits)
        assert all(0 <= hit.score <= 1 for hit in fused)
        assert list(fused) == sorted(fused, key=lambda hit: (-hit.score, hit.key))

    @PROPERTY
    @given(hits=lists_of_hits)
    async def test_the_same_hits_give_the_same_ranking(self, fuser: Fuser, hits: Lists) -> None:
        """In whatever order the retrievers answered."""
        assert await self.fuse(fuser, hits) == await self.fuse(fuser, dict(reversed(list(hits.items()))))

    @PROPERTY
    @given(found=rankings)
    async def test_a_retriever_that_is_alone_decides_alone(self, fuser: Fuser, found: tuple[Hit, ...]) -> None:
        """An absent one changes neither the order nor the greatest score of the other."""
        for name in (DENSE, LEXICAL):
            fused = await self.fuse(fuser, {name: found})
            raw = [hit.scores[name] for hit in fused]
            assert raw == sorted(raw, reverse=True)
            assert not fused or fused[0].score == 1

    async def test_a_passage_that_all_rank_first_is_first(self, fuser: Fuser) -> None:
        """Whatever comes behind it."""
        hits = {DENSE: ranking({7: 0.9, 1: 0.8, 2: 0.1}), LEXICAL: ranking({7: 31.0, 2: 30.0})}
        fused = await self.fuse(fuser, hits)
        assert fused[0].key == 7
        assert fused[0].score == 1

    async def test_no_hits_give_an_empty_tuple(self, fuser: Fuser) -> None:
        """Whether the retrievers are absent or found nothing."""
        assert await self.fuse(fuser, {}) == ()
        assert await self.fuse(fuser, {DENSE: (), LEXICAL: ()}) == ()
