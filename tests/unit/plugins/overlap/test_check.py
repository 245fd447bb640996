"""What the check spends on a claim."""

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.overlap.check import OverlapCheck
from ragstone_server.spi.embedder import EmbedRequest
from ragstone_server.spi.grounding_check import Claim, GroundingRequest
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.host import MemoryLane


class CountingEmbedder(MemoryEmbedder):
    """Counts its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = 0

    async def __call__(self, request: EmbedRequest, /) -> NDArray[np.float32]:
        """Embed, and count."""
        self.texts += len(request.texts)
        return await super().__call__(request)


async def test_vectors_are_left_out_where_they_change_no_decision() -> None:
    passages = ("The harbour of Nordvik was opened in 1911, and it takes forty ships a day.", "Bread is baked daily.")
    claims = tuple(
        Claim(text=text)
        for text in (
            "The harbour of Nordvik was opened in 1911.",
            "The harbour of Sandby was opened in 1911.",
            "Cheese is made of green moons.",
            "Forty ships use the harbour.",
        )
    )
    embedder = CountingEmbedder()
    check = OverlapCheck(embedder, MemoryLane("interactive", 1))
    exact = await check(GroundingRequest(context=CONTEXT, claims=claims, passages=passages))
    all_texts, embedder.texts = embedder.texts, 0
    rough = await check(GroundingRequest(context=CONTEXT, claims=claims, passages=passages, decisive=0.6))
    assert [support.score >= 0.6 for support in rough] == [support.score >= 0.6 for support in exact]
    assert embedder.texts < all_texts
