"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from ragstone_plugins.fusion.ranking import answered, ranked
from ragstone_plugins.fusion.settings import ReciprocalRankSettings
from ragstone_server.spi.fuser import FusedHit, FuseRequest


class ReciprocalRankFuser:
    """Fits `spi.fuser.Fuser`. The score is the mean of (k + 1) / (k + rank) over the retrievers that found something.

    That is the published sum of 1 / (k + rank), scaled so that the first of all lists has 1.
    """

    def __init__(self, settings: ReciprocalRankSettings) -> None:
        self._k = settings.k

    async def __call__(self, request: FuseRequest, /) -> tuple[FusedHit, ...]:
        """Fuse the hits of one question."""
        hits = answered(request.hits)
        points = {
            name: {hit.key: (self._k + 1) / (self._k + rank) / len(hits) for rank, hit in enumerate(found, 1)}
            for name, found in hits.items()
        }
        return ranked(hits, points)
