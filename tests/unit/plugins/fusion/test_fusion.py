"""The arithmetic of the fusers."""

import pytest
from pydantic import ValidationError

from ragstone_plugins.fusion.reciprocal_rank import ReciprocalRankFuser
from ragstone_plugins.fusion.settings import ReciprocalRankSettings, WeightedOptions, WeightedSettings
from ragstone_plugins.fusion.weighted import WeightedFuser
from ragstone_server.spi.context import RequestContext
from ragstone_server.spi.fuser import DENSE, LEXICAL, Fuser, FuseRequest
from ragstone_server.testing.conformance.fuser import ranking
from ragstone_server.testing.conformance.samples import CONTEXT


async def scores(
    fuser: Fuser,
    context: RequestContext = CONTEXT,
    *,
    dense: dict[int, float] | None = None,
    lexical: dict[int, float] | None = None,
) -> dict[int, float]:
    lists = {DENSE: dense, LEXICAL: lexical}
    hits = {name: ranking(found) for name, found in lists.items() if found is not None}
    return {hit.key: hit.score for hit in await fuser(FuseRequest(context=context, hits=hits))}


def asking(dense_weight: float | None) -> RequestContext:
    return RequestContext(
        request_id="r",
        caller=CONTEXT.caller,
        collection=CONTEXT.collection,
        options={"fuser": WeightedOptions(dense_weight=dense_weight)},
    )


WEIGHTED = WeightedFuser(WeightedSettings())
DENSE_HITS = {1: 0.9, 2: 0.5, 3: 0.1}
LEXICAL_HITS = {2: 30.0, 4: 10.0}


async def test_weighted_sum_of_normalised_scores() -> None:
    fused = await scores(WEIGHTED, dense=DENSE_HITS, lexical=LEXICAL_HITS)
    assert fused == pytest.approx({1: 0.7, 2: 0.35 + 0.3, 3: 0.0, 4: 0.0})
    assert list(fused) == [1, 2, 3, 4]


async def test_the_weight_can_be_configured_and_asked_for() -> None:
    configured = WeightedFuser(WeightedSettings(dense_weight=0.5))
    expected = pytest.approx({1: 0.5, 2: 0.75, 3: 0.0, 4: 0.0})
    assert await scores(configured, dense=DENSE_HITS, lexical=LEXICAL_HITS) == expected
    assert await scores(WEIGHTED, asking(0.5), dense=DENSE_HITS, lexical=LEXICAL_HITS) == expected
    assert await scores(configured, asking(None), dense=DENSE_HITS, lexical=LEXICAL_HITS) == expected


@pytest.mark.parametrize("hits", [{7: 0.3}, {7: 0.3, 8: 0.3}, {7: 0.0}, {7: -2.0}])
async def test_a_single_hit_or_equal_scores_count_as_the_best(hits: dict[int, float]) -> None:
    assert await scores(WEIGHTED, dense=hits) == dict.fromkeys(hits, 1.0)


async def test_an_empty_list_counts_as_absent() -> None:
    assert await scores(WEIGHTED, dense=DENSE_HITS, lexical={}) == await scores(WEIGHTED, dense=DENSE_HITS)
    assert await scores(WEIGHTED, lexical=LEXICAL_HITS) == {2: 1.0, 4: 0.0}


@pytest.mark.parametrize("weight", [0.0, 1.0])
async def test_a_retriever_without_weight_decides_where_it_is_alone(weight: float) -> None:
    fuser = WeightedFuser(WeightedSettings(dense_weight=weight))
    assert (await scores(fuser, dense=DENSE_HITS))[1] == 1.0
    assert (await scores(fuser, lexical=LEXICAL_HITS))[2] == 1.0


async def test_reciprocal_ranks() -> None:
    fuser = ReciprocalRankFuser(ReciprocalRankSettings())
    fused = await scores(fuser, dense=DENSE_HITS, lexical=LEXICAL_HITS)
    expected = {2: (1 / 62 + 1 / 61), 1: 1 / 61, 4: 1 / 62, 3: 1 / 63}
    assert fused == pytest.approx({key: value * 61 / 2 for key, value in expected.items()})
    assert list(fused) == list(expected)


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_weights_are_shares(weight: float) -> None:
    with pytest.raises(ValidationError):
        WeightedOptions(dense_weight=weight)
