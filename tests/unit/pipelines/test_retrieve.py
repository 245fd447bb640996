"""The evidence for a question: both retrievers, the fused order, the final read, degradation in the open."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragstone_server.catalog.watermark import Watermark
from ragstone_server.indexing.follower import Follower
from ragstone_server.pipelines.retrieve import Retrieval, SearchRequest
from ragstone_server.pipelines.settings import RetrievalSettings
from ragstone_server.spi.context import Caller
from ragstone_server.spi.errors import (
    CollectionNotFound,
    DeadlineExceeded,
    GenerationMismatch,
    InvalidWatermark,
    StageFailed,
)
from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.names import CollectionId, CollectionName, DocumentId
from ragstone_server.spi.reranker import Ranked, RerankRequest
from ragstone_server.spi.rewriter import RewriteRequest, SearchText
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.reranker import memory_reranker
from ragstone_server.wrappers.fallible import Degradation
from tests.unit.pipelines.house import House, forget, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


async def fill(house: House) -> str:
    """Three documents; the watermark of the last."""
    await house.put("ferry", "The ferry to Nordvik leaves at nine.", year=2025.0)
    await house.put("bus", "The bus to Nordvik leaves at ten.", year=2024.0)
    return str((await house.put("lunch", "Lunch is served in the saloon.", year=2025.0)).watermark)


def names(retrieval: Retrieval) -> list[str]:
    return [scored.passage.document for scored in retrieval.passages]


async def failing(request: Any, /) -> Any:
    raise OSError("secret detail")


async def test_both_retrievers_and_the_fused_order(house: House) -> None:
    mark = await fill(house)
    found = await house.ask("ferry to Nordvik", min_watermark=mark)
    assert names(found)[0] == "ferry"
    assert set(found.passages[0].scores) == {"dense", "lexical", "fused"}
    scores = [scored.score for scored in found.passages]
    assert scores == sorted(scores, reverse=True)
    assert str(found.watermark) == mark
    assert found.degradations == ()


async def test_an_empty_collection_gives_nothing_and_is_no_error(house: House) -> None:
    found = await house.ask("anything")
    assert found.passages == ()
    assert found.watermark.position == 0


async def test_top_k_is_the_callers_or_the_configured_number(house: House) -> None:
    mark = await fill(house)
    assert len((await house.ask("Nordvik leaves", min_watermark=mark, top_k=1)).passages) == 1
    house.retrieval = RetrievalSettings(default_top_k=2)
    assert len((await house.ask("Nordvik leaves")).passages) == 2


async def test_filter_and_readers_are_enforced(house: House) -> None:
    await fill(house)
    secret = await house.put("secret", "The ferry to Nordvik is sold.", readers=frozenset({"user:eve"}))
    mark = str(secret.watermark)
    only_2024 = Comparison(field="year", operator=Operator.EQUAL, value=2024.0)
    assert names(await house.ask("to Nordvik", min_watermark=mark, filter=only_2024)) == ["bus"]
    assert "secret" not in names(await house.ask("ferry sold", min_watermark=mark))
    eve = replace(CONTEXT, caller=Caller(principal="user:eve"))
    assert names(await house.ask("ferry sold", context=eve))[0] == "secret"


@pytest.mark.parametrize("failed", ["dense", "lexical"])
async def test_a_retriever_that_fails_is_skipped_and_the_answer_says_so(house: House, failed: str) -> None:
    mark = await fill(house)
    house.stages[failed] = failing
    found = await house.ask("ferry to Nordvik", min_watermark=mark)
    assert names(found)[0] == "ferry"
    assert failed not in found.passages[0].scores
    assert found.degradations == (Degradation(stage=failed, reason="failed and was skipped"),)


async def test_where_neither_retriever_answers_it_fails(house: House) -> None:
    await fill(house)
    house.stages |= {"dense": failing, "lexical": failing}
    with pytest.raises(StageFailed, match="neither retriever answered"):
        await house.ask("ferry")


async def test_a_retriever_that_fails_the_request_stops_the_other_and_is_told_as_it_is(house: House) -> None:
    await fill(house)
    house.skip = False
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hanging(request: SearchRequest, /) -> Any:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def refusing(request: SearchRequest, /) -> Any:
        await begun.wait()
        raise OSError("secret detail")

    house.stages |= {"dense": hanging, "lexical": refusing}
    with pytest.raises(StageFailed, match="the lexical failed"):
        await house.ask("ferry")
    assert ended.is_set()


async def test_without_a_rewriter_the_question_is_searched_as_it_is(house: House) -> None:
    mark = await fill(house)
    house.stages["rewrite"] = failing
    found = await house.ask("ferry", min_watermark=mark)
    assert found.search_text == SearchText(dense="ferry", lexical="ferry")
    assert names(found)[0] == "ferry"
    assert [degradation.stage for degradation in found.degradations] == ["rewrite"]


async def test_the_rewritten_text_is_what_is_searched(house: House) -> None:
    mark = await fill(house)

    async def lunch(request: RewriteRequest, /) -> SearchText:
        return SearchText(dense="lunch saloon", lexical="lunch")

    house.stages["rewrite"] = lunch
    assert names(await house.ask("and that?", min_watermark=mark))[0] == "lunch"


async def test_the_final_read_drops_what_was_deleted_after_the_views_were_searched(house: House) -> None:
    mark = await fill(house)
    lexical = house.stages["lexical"]
    collection = await house.catalog.collection(CONTEXT.collection)

    async def deleting(request: SearchRequest, /) -> Any:
        hits = await lexical(request)
        await house.catalog.delete(collection, DocumentId("ferry"), None)
        return hits

    house.stages["lexical"] = deleting
    assert "ferry" not in names(await house.ask("ferry to Nordvik", min_watermark=mark))


async def test_a_replaced_document_answers_until_the_views_have_the_new_one(house: House) -> None:
    """It never vanishes, and it never answers twice."""
    mark = await fill(house)
    await house.ask("ferry", min_watermark=mark)
    for version in range(2, 12):
        await house.put("ferry", f"The ferry to Nordvik leaves at {version} sharp.")
        found = names(await house.ask("ferry to Nordvik leaves"))
        assert found.count("ferry") == 1
        await asyncio.sleep(0.004)


async def test_reading_goes_on_while_too_much_was_dropped(house: House) -> None:
    for number in range(12):
        receipt = await house.put(f"d{number}", f"Nordvik number {number}.")
    await house.ask("Nordvik", min_watermark=str(receipt.watermark))
    collection = await house.catalog.collection(CONTEXT.collection)
    dense, lexical = house.stages["dense"], house.stages["lexical"]

    async def searched(request: SearchRequest, /) -> Any:
        hits = await lexical(request)
        for number in range(6):
            await house.catalog.delete(collection, DocumentId(f"d{number}"), None)
        return hits

    house.stages["lexical"] = searched
    house.stages["dense"] = dense
    assert len((await house.ask("Nordvik", top_k=5)).passages) == 5


async def test_the_reranker_decides_the_order_and_its_score_is_added(house: House) -> None:
    mark = await fill(house)
    house.stages["rerank"] = memory_reranker
    found = await house.ask("lunch in the saloon", min_watermark=mark, top_k=2)
    assert names(found)[0] == "lunch"
    assert found.passages[0].score == found.passages[0].scores["rerank"] == 1.0
    assert "fused" in found.passages[0].scores


async def test_the_reranker_sees_its_candidates_and_may_drop(house: House) -> None:
    mark = await fill(house)
    seen: list[int] = []

    async def last_only(request: RerankRequest, /) -> tuple[Ranked, ...]:
        seen.append(len(request.passages))
        return (Ranked(index=len(request.passages) - 1, score=0.5),)

    house.stages["rerank"] = last_only
    house.retrieval = RetrievalSettings(rerank_candidates=2)
    assert len((await house.ask("Nordvik", min_watermark=mark, top_k=1)).passages) == 1
    assert seen == [2]


@pytest.mark.parametrize("fails", [False, True])
async def test_p9_what_is_deleted_while_the_reranker_works_is_not_found(house: House, *, fails: bool) -> None:
    mark = await fill(house)

    async def slow(request: RerankRequest, /) -> tuple[Ranked, ...]:
        collection = await house.catalog.collection(CONTEXT.collection)
        await house.catalog.delete(collection, DocumentId("ferry"), None)
        if fails:
            raise RuntimeError("no")
        return await memory_reranker(request)

    before = await house.ask("ferry to Nordvik", min_watermark=mark)
    assert "ferry" in names(before)
    house.stages["rerank"] = slow
    found = await house.ask("ferry to Nordvik", min_watermark=mark)
    assert found.passages
    assert "ferry" not in names(found)


async def test_a_reranker_that_fails_leaves_the_fused_order(house: House) -> None:
    mark = await fill(house)
    house.stages["rerank"] = failing
    found = await house.ask("ferry to Nordvik", min_watermark=mark)
    assert names(found)[0] == "ferry"
    assert found.degradations == (Degradation(stage="rerank", reason="failed and was skipped"),)


async def test_a_demanded_watermark_is_waited_for(house: House) -> None:
    await fill(house)
    for number in range(5):
        receipt = await house.put("counter", f"The counter shows {number}.")
        found = await house.ask("counter shows", min_watermark=str(receipt.watermark))
        assert found.passages[0].passage.text == f"The counter shows {number}."
        assert found.watermark.position >= receipt.watermark.position


async def test_a_watermark_that_is_not_reached_in_time_is_a_deadline(house: House) -> None:
    mark = await fill(house)
    await house.ask("ferry", min_watermark=mark)
    collection = await house.catalog.collection(CONTEXT.collection)
    async with house.indexes.pin(collection) as index:

        async def hanging(batch: object) -> None:
            await asyncio.sleep(3600)

        index.words.apply = hanging  # type: ignore[method-assign]
        receipt = await house.put("late", "Too late.")
        soon = replace(CONTEXT, deadline=house.clock.monotonic() + 0.05)
        with pytest.raises(DeadlineExceeded, match="did not reach the demanded watermark"):
            await house.ask("late", min_watermark=str(receipt.watermark), context=soon)


@pytest.mark.parametrize("known", [True, False], ids=["fails already", "fails while it is waited for"])
async def test_a_view_that_cannot_follow_is_not_waited_for_and_declared(house: House, known: bool) -> None:
    mark = await fill(house)
    await house.ask("ferry", min_watermark=mark)
    collection = await house.catalog.collection(CONTEXT.collection)
    async with house.indexes.pin(collection) as index:

        async def broken(batch: object) -> None:
            raise OSError("secret detail")

        index.words.apply = broken  # type: ignore[method-assign]
        receipt = await house.put("late", "Too late for the tram.")
        if known:
            while index.followers["words"].failure is None:
                await asyncio.sleep(0.005)
        found = await house.ask("tram late", min_watermark=str(receipt.watermark))
        assert names(found)[0] == "late"
        assert [degradation.stage for degradation in found.degradations] == ["words"]
        assert "secret" not in found.degradations[0].reason


@pytest.mark.parametrize("token", ["nonsense", str(Watermark(epoch="e", collection=1, position=1))])  # type: ignore[arg-type]
async def test_a_watermark_of_elsewhere_is_refused(house: House, token: str) -> None:
    await fill(house)
    with pytest.raises(InvalidWatermark):
        await house.ask("ferry", min_watermark=token)


async def test_a_collection_that_is_not_there_is_an_error(house: House) -> None:
    other = CollectionName(tenant=CONTEXT.collection.tenant, collection=CollectionId("other"))
    with pytest.raises(CollectionNotFound):
        await house.ask("ferry", context=replace(CONTEXT, collection=other))


async def test_a_collection_of_another_embedder_is_refused(house: House) -> None:
    await fill(house)
    forget(house)
    with pytest.raises(GenerationMismatch):
        await house.ask("ferry")


async def test_p7_a_view_that_is_being_rebuilt_is_declared(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.put("a", "The ferry leaves at nine.")
    assert not (await house.ask("ferry")).degradations
    monkeypatch.setattr(Follower, "rebuilding", True)
    stages = {degradation.stage for degradation in (await house.ask("ferry")).degradations}
    assert stages == {"vectors", "words"}
