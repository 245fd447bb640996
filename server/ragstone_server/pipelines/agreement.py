"""How much two rankings agree: figures from 0, nothing in common, to 1, the same. Two empty rankings are the same."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from ragstone_server.spi.ranges import ByteRange

PERSISTENCE = 0.9
"""Chance that a reader of a ranking looks at the next place: the first ten places have 86 % of the weight."""


def overlap(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Items that both have, as a share of those of the longer one. Items of a ranking are distinct."""
    longer = max(len(one), len(other))
    return len(set(one) & set(other)) / longer if longer else 1.0


def rank_biased_overlap(one: Sequence[Hashable], other: Sequence[Hashable], persistence: float = PERSISTENCE) -> float:
    """Rank-biased overlap, extrapolated beyond the ends of the rankings, which may be of different length.

    RBO_ext, equation 32 of Webber, Moffat and Zobel, "A similarity measure for indefinite rankings" (ACM Transactions on
    Information Systems 28:4, 2010). Items of a ranking are distinct.
    """
    short, long = sorted((one, other), key=len)
    if not short:
        return 0.0 if long else 1.0
    seen_short: set[Hashable] = set()
    seen_long: set[Hashable] = set()
    total = 0.0
    common = common_at_short = 0
    for depth, item in enumerate(long, 1):
        seen_long.add(item)
        if depth <= len(short):
            seen_short.add(short[depth - 1])
        common = len(seen_short & seen_long)
        if depth <= len(short):
            common_at_short = common
            agreement = common / depth
        else:
            # Beyond its end, the shorter one is taken to go on in agreement as it did up to there.
            agreement = (common + common_at_short * (depth - len(short)) / len(short)) / depth
        total += agreement * persistence**depth
    rest = (common - common_at_short) / len(long) + common_at_short / len(short)
    return min(1.0, (1 - persistence) / persistence * total + rest * persistence ** len(long))


def text_overlap(one: Iterable[tuple[Hashable, ByteRange]], other: Iterable[tuple[Hashable, ByteRange]]) -> float:
    """Bytes that ranges of both cover, as a share of those that either covers. A range is of the text that stands before it."""
    first, second = _covered(one), _covered(other)
    both = sum(_common(first[text], second[text]) for text in first.keys() & second.keys())
    either = sum(each.end - each.start for covered in (first, second) for ranges in covered.values() for each in ranges)
    return both / (either - both) if either else 1.0


def _covered(ranges: Iterable[tuple[Hashable, ByteRange]]) -> dict[Hashable, list[ByteRange]]:
    """By text, in ascending order, without those that touch or overlap."""
    covered: defaultdict[Hashable, list[ByteRange]] = defaultdict(list)
    for text, span in sorted(ranges, key=lambda each: each[1]):
        last = covered[text][-1] if covered[text] else None
        if last is not None and span.start <= last.end:
            covered[text][-1] = ByteRange(start=last.start, end=max(last.end, span.end))
        else:
            covered[text].append(span)
    return dict(covered)


def _common(one: list[ByteRange], other: list[ByteRange]) -> int:
    return sum(max(0, min(a.end, b.end) - max(a.start, b.start)) for a in one for b in other)
