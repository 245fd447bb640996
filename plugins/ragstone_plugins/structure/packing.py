"""Which units stand together in a chunk: the cheapest of all ways to cut, found by dynamic programming."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ragstone_plugins.structure.measure import Measure
from ragstone_plugins.structure.units import Cut, Unit

# Costs in hundredths of a chunk. Whole numbers, so that equal ways are equal on every machine.
_CHUNK = 100
_CUT = {Cut.HEADING: 0, Cut.PARAGRAPH: 30, Cut.LINE: 60, Cut.SENTENCE: 100, Cut.WORD: 200, Cut.BOUND: 400}
_SHORT = 150
"""Of a chunk that is nearly empty; less in proportion as it nears the least length."""
_LONG = 20
_LONGEST = 100
"""Of a chunk beyond the target: for that, and more in proportion as it nears the most that is allowed."""
_CROSSED = 120
"""Of a heading inside a chunk: two sections of half a chunk stay apart, those shorter than the least length are joined."""
_RISEN = 150
"""More of one that begins a section of a level above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How long a chunk should be, in atoms."""

    least: int
    target: int
    most: int

    def cost(self, size: int) -> int:
        """Of a chunk of this size, as far as its size goes."""
        if size < self.least:
            return _SHORT * (self.least - size) // self.least
        if size > self.target:
            return _LONG + _LONGEST * (size - self.target) // max(1, self.most - self.target)
        return 0


def pack(units: Sequence[Unit], measure: Measure, sizes: Sizes) -> list[tuple[int, int]]:
    """Chunks as half-open ranges of units, in order: each of `sizes.most` atoms at most, or one unit.

    Time grows with the units times those that fit in a chunk.
    """
    begins = [measure.atoms(0, unit.start) for unit in units]
    ends = [measure.atoms(0, unit.end) for unit in units]
    crossed = list(accumulate(_crossing(unit) for unit in units))
    costs = [0] * (len(units) + 1)
    froms = [0] * (len(units) + 1)
    for last in range(len(units)):
        best = None
        for first in range(last, -1, -1):
            size = ends[last] - begins[first]
            if size > sizes.most and first < last:
                break
            cost = costs[first] + _CHUNK + crossed[last] - crossed[first] + sizes.cost(size)
            if first:
                cost += _CUT[units[first].cut]
            if best is None or cost < best:
                best, froms[last + 1] = cost, first
        costs[last + 1] = best or 0
    return _ranges(froms)


def _crossing(unit: Unit) -> int:
    return (_CROSSED if unit.cut is Cut.HEADING else 0) + (_RISEN if unit.rises else 0)


def _ranges(froms: Sequence[int]) -> list[tuple[int, int]]:
    ranges = []
    end = len(froms) - 1
    while end:
        ranges.append((froms[end], end))
        end = froms[end]
    return ranges[::-1]
