"""Figures of agreement, against their definitions written out."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.pipelines.agreement import overlap, rank_biased_overlap, text_overlap
from ragstone_server.spi.ranges import ByteRange

rankings = st.lists(st.integers(0, 12), unique=True, max_size=12)
spans = st.lists(
    st.tuples(st.sampled_from("ab"), st.tuples(st.integers(0, 60), st.integers(0, 20))).map(
        lambda drawn: (drawn[0], ByteRange(start=drawn[1][0], end=drawn[1][0] + drawn[1][1]))
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [("", "", 1.0), ("a", "", 0.0), ("abc", "cab", 1.0), ("abcd", "ab", 0.5), ("ab", "bc", 0.5), ("ab", "cd", 0.0)],
)
def test_overlap_is_a_share_of_the_longer_one(one: str, other: str, share: float) -> None:
    assert overlap(one, other) == share


def written_out(one: Sequence[int], other: Sequence[int], p: float) -> float:
    """The infinite sum of agreements, of rankings of one length, whose agreement stays as it is behind their end."""
    total, agreement = 0.0, 0.0
    for depth in range(1, 2000):
        if depth <= len(one):
            agreement = len(set(one[:depth]) & set(other[:depth])) / depth
        total += agreement * p ** (depth - 1)
    return (1 - p) * total


@given(st.integers(1, 12), st.permutations(range(13)), st.permutations(range(13)), st.sampled_from([0.5, 0.9, 0.98]))
def test_it_is_the_sum_of_agreements(length: int, one: list[int], other: list[int], p: float) -> None:
    expected = written_out(one[:length], other[:length], p)
    assert rank_biased_overlap(one[:length], other[:length], p) == pytest.approx(expected, abs=1e-9)


@given(rankings, rankings)
def test_it_is_between_nothing_and_all(one: list[int], other: list[int]) -> None:
    """Symmetric, 1 for the same and for a ranking that is the beginning of the other, 0 for strangers."""
    figure = rank_biased_overlap(one, other)
    assert 0 <= figure <= 1
    assert figure == rank_biased_overlap(other, one)
    assert rank_biased_overlap(one, one) == pytest.approx(1)
    assert rank_biased_overlap(one, [each + 100 for each in one]) == (0 if one else 1)
    if other:
        assert rank_biased_overlap(other, other[:1]) == pytest.approx(1)


def test_the_first_places_weigh_most() -> None:
    assert rank_biased_overlap("abcdef", "bacdef") < rank_biased_overlap("abcdef", "abcdfe") < 1
    assert rank_biased_overlap("abcdef", "xbcdef") < rank_biased_overlap("abcdef", "abcdex")


@given(spans, spans)
def test_text_overlap_counts_bytes(one: list[tuple[str, ByteRange]], other: list[tuple[str, ByteRange]]) -> None:
    first, second = (
        {(text, byte) for text, span in ranges for byte in range(span.start, span.end)} for ranges in (one, other)
    )
    expected = len(first & second) / len(first | second) if first | second else 1.0
    assert text_overlap(one, other) == pytest.approx(expected)
