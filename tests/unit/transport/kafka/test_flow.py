"""Shares of what may be held, and turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.transport.kafka.flow import Budget, Flow


class Eager:
    """A source that always has one more."""

    def __init__(self, flow: Flow, most: int = 1000) -> None:
        self.running = 0
        self._flow = flow
        self._most = most

    def begin_one(self) -> bool:
        if self.running >= self._most:
            return False
        self.running += 1
        self._flow.take_place()
        return True


def joined(flow: Flow, *most: int) -> list[Eager]:
    sources = [Eager(flow, each) for each in most]
    for source in sources:
        flow.join(source)
    return sources


@given(
    most=st.integers(1, 200), sources=st.integers(1, 12), order=st.lists(st.tuples(st.integers(0, 11), st.booleans()))
)
def test_all_together_hold_no_more_than_all_and_each_gets_its_share(
    most: int, sources: int, order: list[tuple[int, bool]]
) -> None:
    budget, held = Budget(most), [0] * sources
    for number, more in order * 20:
        mine = number % sources
        if more and not budget.full(held[mine], sources):
            held[mine] += 1
            budget.used += 1
        elif not more and held[mine]:
            held[mine] -= 1
            budget.used -= 1
        assert not (budget.full(held[mine], sources) and budget.roomy(held[mine], sources))
    assert sum(held) <= max(most, sources)
    for mine in held:
        assert mine >= max(1, most // (2 * sources)) or not budget.full(mine, sources)
        assert mine or budget.roomy(mine, sources), "who holds nothing may always begin"


def test_a_single_source_may_hold_all() -> None:
    assert not Budget(10, used=9).full(9, 1)
    assert Budget(10, used=10).full(10, 1)


def test_a_source_that_is_stuck_leaves_the_others_their_share() -> None:
    budget = Budget(100, used=75)
    assert budget.full(75, 2)
    assert not budget.full(0, 2)
    assert not budget.full(24, 2)
    assert budget.roomy(12, 2)
    assert not budget.roomy(13, 2)


def test_bytes_are_shared_out_too_and_half_of_them_is_for_what_is_worked_out() -> None:
    flow = Flow(1000, 2000, 4)
    joined(flow, 0, 0)
    flow.bytes.used = 750
    assert flow.full(1, 750)
    assert not flow.full(1, 100)
    assert not flow.heavy
    flow.worked_out = 1250
    assert flow.heavy


def test_each_source_has_its_turn() -> None:
    flow = Flow(100, 10**6, 9)
    one, two, three = joined(flow, 1000, 1000, 1)
    flow.fill()
    assert (one.running, two.running, three.running) == (4, 4, 1)


def test_one_source_alone_has_every_place() -> None:
    flow = Flow(100, 10**6, 8)
    (one,) = joined(flow, 1000)
    flow.fill()
    assert (one.running, flow.free) == (8, 0)


def test_a_place_is_left_for_who_has_none() -> None:
    flow = Flow(100, 10**6, 16)
    one, two = joined(flow, 1000, 0)
    flow.fill()
    assert (one.running, flow.free) == (14, 2)
    two._most = 1
    flow.fill()
    assert (one.running, two.running, flow.free) == (15, 1, 0)


def test_where_there_is_one_place_the_first_takes_it() -> None:
    flow = Flow(100, 10**6, 1)
    one, two = joined(flow, 1000, 1000)
    flow.fill()
    assert (one.running, two.running) == (1, 0)
    one.running = 0
    flow.leave_place()
    assert (one.running, two.running) == (0, 1)


@pytest.mark.parametrize("leaving", [0, 1])
def test_a_source_that_has_left_has_no_more_turns(leaving: int) -> None:
    flow = Flow(100, 10**6, 4)
    sources = joined(flow, 1000, 1000)
    flow.leave(sources[leaving])
    flow.leave(sources[leaving])
    flow.fill()
    assert [each.running for each in sources] == [4 * leaving, 4 - 4 * leaving]
    sources[1 - leaving].running -= 1
    flow.leave_place()
    assert flow.free == 0
