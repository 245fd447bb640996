"""Suite of the kind `embedder`. A subclass gives the fixture `embedder`; see `tests/conformance`."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose

TEXTS = (
    "When does the ferry to the island leave?",
    "The ferry leaves the harbour at seven.",
    "Invoices are paid within thirty days.",
    "Überfahrt nach 神戸 😀",
    "",
    " ",
    "x" * 5000,
    "word " * 2000,
)


class EmbedderConformance:
    """Every promise of `spi.embedder`."""

    async def embed(self, embedder: Embedder, *texts: str, purpose: Purpose = Purpose.PASSAGE) -> NDArray[np.float32]:
        """Vectors that are of the right kind."""
        vectors = await embedder(EmbedRequest(texts=texts, purpose=purpose))
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(texts), embedder.dimension)
        assert np.isfinite(vectors).all()
        return vectors

    @pytest.mark.parametrize("purpose", Purpose)
    async def test_every_text_has_a_vector_of_length_1(self, embedder: Embedder, purpose: Purpose) -> None:
        """An empty text too."""
        lengths = np.linalg.norm(await self.embed(embedder, *TEXTS, purpose=purpose), axis=1)
        assert np.allclose(lengths, 1, atol=1e-4)

    @pytest.mark.parametrize("purpose", Purpose)
    async def test_no_texts(self, embedder: Embedder, purpose: Purpose) -> None:
        """No rows, of the right width."""
        await self.embed(embedder, purpose=purpose)

    async def test_the_same_text_has_the_same_vector(self, embedder: Embedder) -> None:
        """Alone, beside others, and in any order, to within 1e-2 in cosine."""
        together = await self.embed(embedder, *TEXTS)
        backwards = await self.embed(embedder, *reversed(TEXTS))
        alone = np.concatenate([await self.embed(embedder, text) for text in TEXTS])
        assert (np.sum(together * alone, axis=1) > 0.99).all()
        assert (np.sum(together * backwards[::-1], axis=1) > 0.99).all()

    async def test_a_long_text_is_truncated(self, embedder: Embedder) -> None:
        """What comes after the limit does not count; what comes before does."""
        full = " ".join(f"ferry {number % 10}" for number in range(embedder.max_tokens))
        offsets = embedder.tokenizer.offsets(full)
        assert len(offsets) > embedder.max_tokens
        head = full[: offsets[embedder.max_tokens - 1, 1]]
        one, other = await self.embed(embedder, f"{head} invoices of March", f"{head} lighthouse keepers")
        assert one @ other > 0.99

    async def test_near_in_meaning_is_near(self, embedder: Embedder) -> None:
        """A question is nearer to what answers it than to something else."""
        (question,) = await self.embed(embedder, TEXTS[0], purpose=Purpose.QUESTION)
        answer, other = await self.embed(embedder, TEXTS[1], TEXTS[2])
        assert question @ answer > question @ other

    async def test_requests_at_once_do_not_mix(self, embedder: Embedder) -> None:
        """Several tasks embed at the same time."""
        together = await self.embed(embedder, *TEXTS)
        rows = await asyncio.gather(*(self.embed(embedder, text) for text in TEXTS for _ in range(3)))
        for index, row in enumerate(rows):
            assert row[0] @ together[index // 3] > 0.99

    @pytest.mark.parametrize("text", [*TEXTS, "\n\n", "a\u0301 e\u0301", "|a|b|\n|-|-|"])
    async def test_tokens_lie_in_the_text_in_order(self, embedder: Embedder, text: str) -> None:
        """Never truncated, without special tokens."""
        offsets = embedder.tokenizer.offsets(text)
        assert offsets.dtype == np.int32
        assert offsets.shape == (len(offsets), 2)
        assert (offsets[:, 0] <= offsets[:, 1]).all()
        assert (np.diff(offsets[:, 0]) >= 0).all()
        assert not len(offsets) or (offsets.min() >= 0 and offsets.max() <= len(text))
        if text.startswith("word"):
            assert len(offsets) >= 2000

    async def test_the_tokenizer_is_safe_in_threads(self, embedder: Embedder) -> None:
        """It is called from the lanes of the host."""
        alone = [embedder.tokenizer.offsets(text) for text in TEXTS]
        calls = [asyncio.to_thread(embedder.tokenizer.offsets, text) for _ in range(4) for text in TEXTS]
        for index, offsets in enumerate(await asyncio.gather(*calls)):
            assert np.array_equal(offsets, alone[index % len(TEXTS)])

    async def test_facts(self, embedder: Embedder) -> None:
        """What the server asks before it embeds anything."""
        assert embedder.dimension > 0
        assert embedder.max_tokens > 0
        assert embedder.fingerprint
        assert embedder.fingerprint == embedder.fingerprint
