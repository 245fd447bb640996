"""What both fusers do: sum a passage's points and put the passages in order."""

from collections import defaultdict
from collections.abc import Mapping

from ragstone_server.spi.fuser import FusedHit
from ragstone_server.spi.positions import PassageKey
from ragstone_server.spi.views import Hit

Lists = Mapping[str, tuple[Hit, ...]]


def answered(hits: Lists) -> Lists:
    """The retrievers that found something, in the order of their names, so that sums are the same to the last bit."""
    return {name: hits[name] for name in sorted(hits) if hits[name]}


def ranked(hits: Lists, points: Mapping[str, Mapping[PassageKey, float]]) -> tuple[FusedHit, ...]:
    """Every passage with the sum of its points, best first, ties in the order of the keys."""
    sums: dict[PassageKey, float] = defaultdict(float)
    raw: dict[PassageKey, dict[str, float]] = defaultdict(dict)
    for name, found in hits.items():
        for hit in found:
            sums[hit.key] += points[name][hit.key]
            raw[hit.key][name] = hit.score
    # A sum of parts of 1 may come out a bit above 1.
    scores = {key: min(1.0, total) for key, total in sums.items()}
    order = sorted(scores, key=lambda key: (-scores[key], key))
    return tuple(FusedHit(key=key, score=scores[key], scores=raw[key]) for key in order)
