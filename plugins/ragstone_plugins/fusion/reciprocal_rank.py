"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from collections import defaultdict

from pydantic import Field

from ragstone_plugins.fusion.weighted import ranked
from ragstone_server.spi.fuser import FusedHit, FuseRequest
from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.provider import Settings


class ReciprocalRankConfig(Settings):
    """The constant of the formula."""

    k: int = Field(default=60, ge=1, description="The greater, the less the first ranks count over the next.")


class ReciprocalRankFuser:
    """Fits `Fuser`. The score is the sum of (k + 1) / (k + rank) over the retrievers, divided by their number."""

    def __init__(self, config: ReciprocalRankConfig) -> None:
        self._k = config.k

    async def __call__(self, request: FuseRequest, /) -> tuple[FusedHit, ...]:
        """Fuse the hits of one question."""
        fused: dict[PassageKey, float] = defaultdict(float)
        raw: dict[PassageKey, dict[str, float]] = defaultdict(dict)
        for name, hits in request.hits.items():
            for rank, hit in enumerate(hits, 1):
                fused[hit.key] += (self._k + 1) / (self._k + rank) / len(request.hits)
                raw[hit.key][name] = hit.score
        return ranked(fused, raw)
