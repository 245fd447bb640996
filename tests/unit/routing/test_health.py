"""Breakers and allowances, on a clock that a test moves."""

import pytest

from ragstone_server.routing.allowance import Allowance
from ragstone_server.routing.breaker import Breaker, BreakerState
from ragstone_server.testing.memory.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_breaker_opens_after_failures_in_a_row(clock: ManualClock) -> None:
    breaker = Breaker(clock, failures=2, seconds=30)
    for failing in (True, False, True):
        assert breaker.enter()
        breaker.failed() if failing else breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED
    breaker.failed()
    assert breaker.state is BreakerState.OPEN
    assert not breaker.enter()
    assert breaker.wait() == 30


def test_a_half_open_breaker_lets_one_try_at_a_time(clock: ManualClock) -> None:
    breaker = Breaker(clock, failures=1, seconds=30)
    breaker.failed()
    clock.advance(30)
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.enter()
    assert not breaker.enter()
    breaker.left()
    assert breaker.enter()
    breaker.failed()
    assert breaker.state is BreakerState.OPEN
    clock.advance(30)
    assert breaker.enter()
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.failures == 0


def test_requests_a_minute_come_back_steadily(clock: ManualClock) -> None:
    allowance = Allowance(clock, requests=2, tokens=None)
    for _ in range(2):
        assert allowance.wait(10) == 0
        allowance.take(10)
    assert allowance.wait(10) == 30
    clock.advance(30)
    assert allowance.wait(10) == 0


def test_tokens_a_minute_are_settled_with_what_was_used(clock: ManualClock) -> None:
    allowance = Allowance(clock, requests=None, tokens=600)
    allowance.take(500)
    assert allowance.wait(200) == 10
    allowance.settle(expected=500, used=100)
    assert allowance.wait(200) == 0
    allowance.settle(expected=0, used=1100)
    assert allowance.wait(100) == 70


def test_a_request_larger_than_a_minutes_worth_goes_when_the_bucket_is_full(clock: ManualClock) -> None:
    allowance = Allowance(clock, requests=None, tokens=60)
    assert allowance.wait(1000) == 0
    allowance.take(1000)
    assert allowance.wait(1) == 941


def test_a_pause_that_the_provider_asked_for_is_kept(clock: ManualClock) -> None:
    allowance = Allowance(clock, None, None)
    allowance.pause(20)
    allowance.pause(None)
    assert allowance.wait(1) == 20
    clock.advance(20)
    assert allowance.wait(1) == 0
