"""The context filter: newest versions, what is worth it, each thing once."""

from ragstone_plugins.context.duplicates import Shingles, contained, shingles
from ragstone_plugins.context.settings import EvidenceConfig, EvidenceOptions
from ragstone_server.spi.context_filter import ContextFilterRequest, Dropped, DropReason, FilteredContext
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.fuser import DENSE, LEXICAL
from ragstone_server.spi.kinds import CONTEXT_FILTER


class EvidenceFilter:
    """Fits `ContextFilter`."""

    def __init__(self, config: EvidenceConfig) -> None:
        self._config = config

    async def __call__(self, request: ContextFilterRequest, /) -> FilteredContext:
        """Filter the passages of one question."""
        options = request.context.options_of(CONTEXT_FILTER.name, EvidenceOptions)
        threshold = self._config.min_dense if options.min_dense is None else options.min_dense
        newest: dict[int, int] = {}
        for scored in request.passages:
            key = scored.passage.document_key
            newest[key] = max(newest.get(key, 0), scored.passage.version)
        trusted = self._lexical_floor(request.passages)
        kept: list[ScoredPassage] = []
        seen: list[Shingles] = []
        dropped = []
        for index, scored in enumerate(request.passages):
            said = shingles(scored.passage.text)
            if scored.passage.version < newest[scored.passage.document_key]:
                reason = DropReason.SUPERSEDED
            elif _too_weak(scored, threshold, trusted):
                reason = DropReason.BELOW_THRESHOLD
            elif any(contained(said, other) >= self._config.duplicate_share for other in seen):
                reason = DropReason.DUPLICATE
            else:
                kept.append(scored)
                seen.append(said)
                continue
            dropped.append(Dropped(index=index, reason=reason))
        return FilteredContext(kept=tuple(kept), dropped=tuple(dropped))

    def _lexical_floor(self, passages: tuple[ScoredPassage, ...]) -> float:
        """Lexical score of the last passage that is trusted for its words."""
        scores = sorted((s.scores[LEXICAL] for s in passages if LEXICAL in s.scores), reverse=True)
        trusted = scores[: self._config.keep_lexical]
        return trusted[-1] if trusted else float("inf")


def _too_weak(scored: ScoredPassage, threshold: float, trusted: float) -> bool:
    """Without a cosine nothing is known against a passage; with a low one, only its words can speak for it."""
    dense = scored.scores.get(DENSE)
    return dense is not None and dense < threshold and scored.scores.get(LEXICAL, float("-inf")) < trusted
