"""The context filter."""

from ragstone_plugins.context.duplicates import Sayings
from ragstone_plugins.context.settings import EvidenceOptions, EvidenceSettings
from ragstone_plugins.context.threshold import too_far
from ragstone_plugins.context.versions import superseded
from ragstone_server.spi.context_filter import ContextFilterRequest, Dropped, DropReason, FilteredContext
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.host import Lane
from ragstone_server.spi.kinds import CONTEXT_FILTER

_SHORT = 40_000
"""Characters of passages up to which filtering takes less time than a change of threads is worth."""


class EvidenceFilter:
    """Fits `spi.context_filter.ContextFilter`. Keeps the newest versions, what may be of use, and each thing once."""

    def __init__(self, settings: EvidenceSettings, lane: Lane) -> None:
        self._settings = settings
        self._lane = lane

    async def __call__(self, request: ContextFilterRequest, /) -> FilteredContext:
        """Filter the passages of one question."""
        if sum(len(scored.passage.text) for scored in request.passages) <= _SHORT:
            return self.filter(request)
        return await self._lane.run(self.filter, request)

    def filter(self, request: ContextFilterRequest) -> FilteredContext:
        """Filter in the calling thread."""
        asked = request.context.options_of(CONTEXT_FILTER.name, EvidenceOptions).min_dense
        min_dense = self._settings.min_dense if asked is None else asked
        old = superseded(request.passages)
        far = too_far(request.passages, min_dense, self._settings.lexical_share)
        sayings = Sayings(self._settings.duplicate_share)
        kept: list[ScoredPassage] = []
        dropped: list[Dropped] = []
        for index, scored in enumerate(request.passages):
            reason = None
            if index in old:
                reason = DropReason.SUPERSEDED
            elif index in far:
                reason = DropReason.BELOW_THRESHOLD
            elif not sayings.take(scored.passage):
                reason = DropReason.DUPLICATE
            if reason is None:
                kept.append(scored)
            else:
                dropped.append(Dropped(index=index, reason=reason))
        return FilteredContext(kept=tuple(kept), dropped=tuple(dropped))
