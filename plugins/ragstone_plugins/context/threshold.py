"""Which passages are too far from the question to be of use. Nothing is embedded: only the scores of the retrievers count."""

from collections.abc import Sequence

from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.fuser import DENSE, LEXICAL


def too_far(passages: Sequence[ScoredPassage], min_dense: float, lexical_share: float) -> frozenset[int]:
    """Indexes of the passages with a cosine below `min_dense`, or none, and less than the share of the best lexical score.

    A passage without a cosine was not among the nearest, so its words must speak for it. Where no passage has one the
    dense retriever did not answer, and nothing is dropped; neither is a passage of which no score is known.
    """
    if min_dense <= -1 or not any(DENSE in scored.scores for scored in passages):
        return frozenset()
    best = max((scored.scores[LEXICAL] for scored in passages if LEXICAL in scored.scores), default=0.0)
    return frozenset(
        index
        for index, scored in enumerate(passages)
        if _is_far(scored, min_dense) and scored.scores.get(LEXICAL, -1.0) < lexical_share * best
    )


def _is_far(scored: ScoredPassage, min_dense: float) -> bool:
    if DENSE in scored.scores:
        return scored.scores[DENSE] < min_dense
    return LEXICAL in scored.scores
