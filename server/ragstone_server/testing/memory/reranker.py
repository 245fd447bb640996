"""A reranker that compares words."""

import re

from ragstone_server.spi.reranker import Ranked, RerankRequest

_WORD = re.compile(r"\w+")


async def memory_reranker(request: RerankRequest, /) -> tuple[Ranked, ...]:
    """Score by the share of the question's words that the passage has. Fits `spi.reranker.Reranker`."""
    asked = set(_WORD.findall(request.question.lower()))
    scores = [
        len(asked & set(_WORD.findall(scored.passage.text.lower()))) / max(1, len(asked)) for scored in request.passages
    ]
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
    return tuple(Ranked(index=index, score=scores[index]) for index in order)
