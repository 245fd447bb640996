"""Which segments are merged."""

from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.faiss.merge import due


def test_like_segments_are_merged_though_the_smallest_is_far_smaller() -> None:
    assert due([5_600, 18_000, 18_000, 18_000, 640_000], [False] * 5) == 4


def test_a_mostly_dead_segment_takes_the_smaller_ones_along() -> None:
    assert due([10, 100, 1000], [False, False, True]) == 3
    assert due([10], [True]) == 1


def test_one_segment_is_left_alone() -> None:
    assert due([10], [False]) == due([], []) == 0


@given(st.lists(st.integers(min_value=1, max_value=10**6), max_size=40))
def test_what_is_left_grows_more_than_twofold(sizes: list[int]) -> None:
    sizes.sort()
    while count := due(sizes, [False] * len(sizes)):
        assert count > 1
        sizes = sorted([sum(sizes[:count]), *sizes[count:]])
    assert all(size > 2 * sum(sizes[:number]) for number, size in enumerate(sizes) if number)
