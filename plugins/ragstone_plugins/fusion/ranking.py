"""What both fusers do: sum a passage's points and put the passages in order."""

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
    sums: dict[PassageKey, float] = {}
    raw: dict[PassageKey, dict[str, float]] = {}
    for name, found in hits.items():
        given = points[name]
        for hit in found:
            key = hit.key
            if key in sums:
                sums[key] += given[key]
                raw[key][name] = hit.score
            else:
                sums[key] = given[key]
                raw[key] = {name: hit.score}
    # A sum of parts of 1 may come out a bit above 1.
    order = sorted([(-min(1.0, total), key) for key, total in sums.items()])
    return tuple([FusedHit(key=key, score=-negative, scores=raw[key]) for negative, key in order])
