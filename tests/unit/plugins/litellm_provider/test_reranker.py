"""The reranker, at a server that reranks."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from ragstone_plugins.litellm_provider.plugin import RERANKER
from ragstone_plugins.litellm_provider.settings import LitellmRerankerSettings
from ragstone_server.spi.errors import DeadlineExceeded, StageFailed
from ragstone_server.spi.reranker import Ranked, RerankRequest
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.embeddings import EmbeddingProvider, Reply


@pytest.fixture
async def provider() -> AsyncIterator[EmbeddingProvider]:
    async with EmbeddingProvider() as provider:
        yield provider


def settings(url: str, **more: Any) -> LitellmRerankerSettings:
    given = {"model": "cohere/small", "url": f"{url}/rerank", "api_key": SecretStr("secret-key")} | more
    return LitellmRerankerSettings.model_validate(given)


def ask(*texts: str) -> RerankRequest:
    passages = tuple(scored(number, text) for number, text in enumerate(texts, 1))
    return RerankRequest(context=CONTEXT, question="red green blue", passages=passages)


def results(*scores: float) -> Reply:
    listed = [{"index": index, "relevance_score": score} for index, score in enumerate(scores)]
    return Reply(body={"id": "1", "results": listed, "meta": {"billed_units": {"search_units": 1}}})


async def test_batches_make_one_order_and_ties_keep_theirs(provider: EmbeddingProvider, host: MemoryHost) -> None:
    async with RERANKER.open(settings(provider.url, batch_size=2), host) as reranker:
        ranking = await reranker(ask("red", "black", "red green blue", "white", "green"))
    assert [place.index for place in ranking] == [2, 0, 4, 1, 3]
    assert sorted(len(asked.body["documents"]) for asked in provider.requests) == [1, 2, 2]
    assert all(asked.body["top_n"] == len(asked.body["documents"]) for asked in provider.requests)


async def test_logits_become_shares_in_the_same_order(provider: EmbeddingProvider, host: MemoryHost) -> None:
    provider.replies.append(results(-800.0, 2.0, 0.0))
    async with RERANKER.open(settings(provider.url), host) as reranker:
        ranking = await reranker(ask("a", "b", "c"))
    assert [place.index for place in ranking] == [1, 2, 0]
    assert [round(place.score, 3) for place in ranking] == [0.881, 0.5, 0.0]


async def test_scores_of_zero_to_one_are_left_as_they_are(provider: EmbeddingProvider, host: MemoryHost) -> None:
    provider.replies.append(results(0.25, 1.0))
    async with RERANKER.open(settings(provider.url), host) as reranker:
        assert await reranker(ask("a", "b")) == (Ranked(index=1, score=1.0), Ranked(index=0, score=0.25))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(code=401), "status 401. Look at its api_key"),
        (Reply(code=500), "status 500"),
        (results(0.5), "did not score each passage"),
        (results(0.5, 0.5, 0.5), "did not score each passage"),
        (Reply(body="secret"), "failed"),
    ],
)
async def test_what_goes_wrong_is_said_and_nothing_of_the_provider(
    provider: EmbeddingProvider, host: MemoryHost, reply: Reply, says: str
) -> None:
    provider.replies.append(reply)
    async with RERANKER.open(settings(provider.url), host) as reranker:
        with pytest.raises(StageFailed) as failed:
            await reranker(ask("a", "b"))
    assert says in failed.value.message
    assert "secret" not in failed.value.message
    assert len(provider.requests) == 1


async def test_a_deadline_that_passed_is_the_callers(provider: EmbeddingProvider, host: MemoryHost) -> None:
    late = replace(ask("a"), context=replace(CONTEXT, deadline=host.clock.monotonic() - 1))
    async with RERANKER.open(settings(provider.url), host) as reranker:
        with pytest.raises(DeadlineExceeded):
            await reranker(late)
    assert not provider.requests
