"""The embedder, at a server that embeds."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from tokenizers import Tokenizer, models, pre_tokenizers

from ragstone_plugins.litellm_provider.plugin import EMBEDDER
from ragstone_plugins.litellm_provider.settings import LitellmEmbedderSettings
from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.spi.errors import StageFailed, StartError
from ragstone_server.testing.memory.host import MemoryHost
from tests.providers.embeddings import EmbeddingProvider, Reply
from tests.providers.faulty import refused


@pytest.fixture
async def provider() -> AsyncIterator[EmbeddingProvider]:
    async with EmbeddingProvider() as provider:
        yield provider


def settings(url: str, **more: Any) -> LitellmEmbedderSettings:
    given = {"model": "openai/small", "url": url, "api_key": SecretStr("secret-key"), "dimension": 64} | more
    return LitellmEmbedderSettings.model_validate(given)


def passages(*texts: str) -> EmbedRequest:
    return EmbedRequest(texts=texts, purpose=Purpose.PASSAGE)


def inputs(provider: EmbeddingProvider) -> list[list[str]]:
    return [asked.body["input"] for asked in provider.requests]


async def test_batches_keep_within_the_limits_and_in_order(provider: EmbeddingProvider, host: MemoryHost) -> None:
    limits = settings(provider.url, batch_size=3, max_batch_tokens=8, concurrency=2)
    async with EMBEDDER.open(limits, host) as embedder:
        texts = ("a", "b", "c", "d", "one two three four", "five six seven eight nine ten", "e")
        vectors = await embedder(passages(*texts))
        alone = [await embedder(passages(text)) for text in texts]
    assert np.allclose(vectors, np.concatenate(alone), atol=1e-6)
    assert sorted(len(batch) for batch in inputs(provider)[:4]) == [1, 1, 2, 3]


async def test_no_more_requests_at_once_than_allowed_and_questions_pass(
    provider: EmbeddingProvider, host: MemoryHost
) -> None:
    provider.gate.clear()
    async with EMBEDDER.open(settings(provider.url, batch_size=1, concurrency=2), host) as embedder:
        bulk = asyncio.ensure_future(embedder(passages("a", "b", "c", "d")))
        await provider.arrived.get()
        await provider.arrived.get()
        question = asyncio.ensure_future(embedder(EmbedRequest(texts=("q",), purpose=Purpose.QUESTION)))
        assert (await provider.arrived.get()).body["input"] == ["q"]
        assert len(provider.requests) == 3
        provider.gate.set()
        assert (await bulk).shape == (4, 64)
        await question
    assert len(provider.requests) == 5


async def test_the_dimension_is_asked_for_where_it_is_not_set(provider: EmbeddingProvider, host: MemoryHost) -> None:
    async with EMBEDDER.open(settings(provider.url, dimension=None), host) as embedder:
        assert embedder.dimension == 64
    async with EMBEDDER.open(settings(provider.url), host) as other:
        assert embedder.fingerprint == other.fingerprint
    assert len(provider.requests) == 1


async def test_a_provider_that_does_not_answer_refuses_the_start(host: MemoryHost) -> None:
    with refused() as url, pytest.raises(StartError, match=r"ConnectionRefusedError.*set `dimension`"):
        async with EMBEDDER.open(settings(url, dimension=None), host):
            pass


async def test_the_fingerprint_follows_the_model_and_not_its_place(host: MemoryHost) -> None:
    fingerprints = []
    variants: list[dict[str, Any]] = [
        {},
        {"api_key": SecretStr("other")},
        {"model": "openai/large"},
        {"dimension": 32},
        {"question_type": "query"},
    ]
    for number, more in enumerate(variants):
        async with EMBEDDER.open(settings(f"http://127.0.0.1:{number + 1}/v1", **more), host) as embedder:
            fingerprints.append(embedder.fingerprint)
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 4


async def test_questions_and_passages_say_what_they_are(provider: EmbeddingProvider, host: MemoryHost) -> None:
    typed = settings(provider.url, model="hosted_vllm/small", question_type="query", passage_type="document")
    async with EMBEDDER.open(typed, host) as embedder:
        await embedder(EmbedRequest(texts=("q",), purpose=Purpose.QUESTION))
        await embedder(passages("p"))
    assert [asked.body["input_type"] for asked in provider.requests] == ["query", "document"]


async def test_nothing_is_sent_for_no_texts_and_a_sign_for_an_empty_one(
    provider: EmbeddingProvider, host: MemoryHost
) -> None:
    async with EMBEDDER.open(settings(provider.url), host) as embedder:
        assert (await embedder(passages())).shape == (0, 64)
        await embedder(passages("", " \n", "a\ud800"))
    assert inputs(provider) == [[".", ".", "a?"]]


async def test_texts_are_cut_by_the_models_own_tokenizer(
    provider: EmbeddingProvider, host: MemoryHost, tmp_path: Path
) -> None:
    file = Tokenizer(models.WordLevel({"word": 0, "[UNK]": 1}, "[UNK]"))  # type: ignore[call-arg]
    file.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    file.save(str(tmp_path / "tokenizer.json"))
    cut = settings(provider.url, tokenizer=str(tmp_path / "tokenizer.json"), max_tokens=2)
    async with EMBEDDER.open(cut, host) as embedder:
        await embedder(passages("extraordinarily long words", "short ones"))
        assert embedder.tokenizer.offsets("a bc").tolist() == [[0, 1], [2, 4]]
    assert inputs(provider) == [["extraordinarily long", "short ones"]]


async def test_a_tokenizer_that_is_none_refuses_the_start(host: MemoryHost, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(StartError, match=r"tokenizer\.json cannot be read"):
        async with EMBEDDER.open(settings("http://127.0.0.1:1", tokenizer=str(tmp_path / "tokenizer.json")), host):
            pass


def vectors(*rows: object) -> Reply:
    data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
    return Reply(
        body={"object": "list", "model": "small", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    )


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(code=401), "status 401. Look at its api_key"),
        (Reply(code=400), "status 400. Look at its model"),
        (Reply(code=503), "status 503"),
        (Reply(body="<html>secret</html>"), "failed"),
        (vectors(), "one vector a text"),
        (vectors([1.0] * 32), "another dimension than 64"),
        (vectors([0.0] * 64), "without a direction"),
        (vectors([1.0] * 64, [1.0] * 64), "one vector a text"),
    ],
)
async def test_what_goes_wrong_is_said_and_nothing_of_the_provider(
    provider: EmbeddingProvider, host: MemoryHost, reply: Reply, says: str
) -> None:
    provider.replies.append(reply)
    async with EMBEDDER.open(settings(provider.url), host) as embedder:
        with pytest.raises(StageFailed) as failed:
            await embedder(passages("text"))
        assert says in failed.value.message
        assert "secret" not in failed.value.message
        assert (await embedder(passages("text"))).shape == (1, 64)
    assert len(provider.requests) == 2


async def test_one_failed_batch_fails_the_request_and_says_when_to_come_back(
    provider: EmbeddingProvider, host: MemoryHost
) -> None:
    provider.replies.append(Reply(code=429, headers={"Retry-After": "9"}))
    async with EMBEDDER.open(settings(provider.url, batch_size=1, concurrency=1), host) as embedder:
        with pytest.raises(StageFailed) as failed:
            await embedder(passages("a", "b", "c"))
    assert failed.value.retry_after_s == 9
