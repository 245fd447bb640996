"""A fuser of ranks."""

from collections import defaultdict

from ragstone_server.spi.fuser import FusedHit, FuseRequest
from ragstone_server.spi.positions import PassageKey


async def memory_fuser(request: FuseRequest, /) -> tuple[FusedHit, ...]:
    """Score by the mean of 1 / rank. Fits `spi.fuser.Fuser`."""
    fused: dict[PassageKey, float] = defaultdict(float)
    raw: dict[PassageKey, dict[str, float]] = defaultdict(dict)
    for name, hits in sorted(request.hits.items()):
        for rank, hit in enumerate(hits, 1):
            fused[hit.key] += 1 / rank / len(request.hits)
            raw[hit.key][name] = hit.score
    order = sorted(fused, key=lambda key: (-fused[key], key))
    return tuple(FusedHit(key=key, score=min(1.0, fused[key]), scores=raw[key]) for key in order)
