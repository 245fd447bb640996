"""Weighted sum of min-max normalised scores."""

from collections import defaultdict
from collections.abc import Mapping

from pydantic import Field

from ragstone_server.spi.fuser import DENSE, LEXICAL, FusedHit, FuseRequest
from ragstone_server.spi.kinds import FUSER
from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.provider import Settings
from ragstone_server.spi.views import Hit


class WeightedConfig(Settings):
    """Share of the retrievers."""

    dense_weight: float = Field(
        default=0.7, ge=0, le=1, description="Weight of the dense scores; the lexical ones have the rest."
    )


class WeightedOptions(Settings):
    """What a caller may choose for one question."""

    dense_weight: float | None = Field(default=None, ge=0, le=1, description="Instead of the configured weight.")


class WeightedFuser:
    """Fits `Fuser`. The score is the sum of the weights times (score - least) / (greatest - least), each over its list.

    A passage that a retriever did not propose gets 0 from it. A retriever that is absent leaves all the weight to the other.
    """

    def __init__(self, config: WeightedConfig) -> None:
        self._dense = config.dense_weight

    async def __call__(self, request: FuseRequest, /) -> tuple[FusedHit, ...]:
        """Fuse the hits of one question."""
        chosen = request.context.options_of(FUSER.name, WeightedOptions).dense_weight
        dense = self._dense if chosen is None else chosen
        weights = {DENSE: dense, LEXICAL: 1 - dense}
        total = sum(weights.get(name, 1.0) for name in request.hits) or 1.0
        fused: dict[PassageKey, float] = defaultdict(float)
        raw: dict[PassageKey, dict[str, float]] = defaultdict(dict)
        for name, hits in request.hits.items():
            for key, score in normalised(hits).items():
                fused[key] += score * weights.get(name, 1.0) / total
            for hit in hits:
                raw[hit.key][name] = hit.score
        return ranked(fused, raw)


def normalised(hits: tuple[Hit, ...]) -> Mapping[PassageKey, float]:
    """Scores between 0 and 1; where all are equal, each is 1."""
    if not hits:
        return {}
    least, greatest = min(hit.score for hit in hits), max(hit.score for hit in hits)
    span = greatest - least
    return {hit.key: (hit.score - least) / span if span > 0 else 1.0 for hit in hits}


def ranked(fused: Mapping[PassageKey, float], raw: Mapping[PassageKey, Mapping[str, float]]) -> tuple[FusedHit, ...]:
    """Best first; ties in the order of the keys."""
    order = sorted(fused, key=lambda key: (-fused[key], key))
    return tuple(FusedHit(key=key, score=min(1.0, fused[key]), scores=raw[key]) for key in order)
