"""Weighted sum of scores, each list normalised by its least and its greatest score."""

from collections.abc import Mapping

from ragstone_plugins.fusion.ranking import answered, ranked
from ragstone_plugins.fusion.settings import WeightedOptions, WeightedSettings
from ragstone_server.spi.fuser import DENSE, LEXICAL, FusedHit, FuseRequest
from ragstone_server.spi.kinds import FUSER
from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.views import Hit


class WeightedFuser:
    """Fits `spi.fuser.Fuser`. The score is the sum of weight times (score - least) / (greatest - least).

    A passage gets 0 from a retriever that did not propose it. The weights are shared among those that found something,
    so a retriever that is alone decides alone, and the greatest possible score is always 1.
    """

    def __init__(self, settings: WeightedSettings) -> None:
        self._settings = settings

    async def __call__(self, request: FuseRequest, /) -> tuple[FusedHit, ...]:
        """Fuse the hits of one question."""
        hits = answered(request.hits)
        weights = self._weights(request)
        # Where all the weight lies on a retriever that found nothing, the others count alike.
        total = sum(weights.get(name, 0.0) for name in hits)
        shares = {name: weights.get(name, 0.0) / total if total > 0 else 1 / len(hits) for name in hits}
        return ranked(hits, {name: _points(found, shares[name]) for name, found in hits.items()})

    def _weights(self, request: FuseRequest) -> Mapping[str, float]:
        asked = request.context.options_of(FUSER.name, WeightedOptions).dense_weight
        dense = self._settings.dense_weight if asked is None else asked
        return {DENSE: dense, LEXICAL: 1 - dense}


def _points(hits: tuple[Hit, ...], share: float) -> Mapping[PassageKey, float]:
    """0 for the least score, `share` for the greatest; `share` for all where they are equal, as for a single hit."""
    least, greatest = min(hit.score for hit in hits), max(hit.score for hit in hits)
    span = greatest - least
    return {hit.key: share * ((hit.score - least) / span if span > 0 else 1.0) for hit in hits}
