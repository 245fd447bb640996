"""Generations of a catalog that several servers share: each follows a switch that another was asked for."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragstone import OperationState
from tests.generations import COLLECTION, SHORT, Load, cut, fill, note, number_of, reindexed, states
from tests.integration.postgresql.test_served import configured
from tests.served import Served


@pytest.fixture
def servers(catalog_url: str, tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    with configured(tmp_path, "one", catalog_url) as one, configured(tmp_path, "two", catalog_url) as two:
        with one.client() as client:
            fill(client, more=20)
        yield one, two


def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds: what one server wrote comes to the other's views a little later."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end


def test_two_servers_switch_with_the_same_commit(servers: tuple[Served, Served]) -> None:
    """Built by one, written to by the other, activated by either, under load at both: nothing fails, nothing is mixed."""
    one, two = servers
    with one.client() as first, two.client() as second:
        begun = first.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
        for n in range(20):
            second.upsert_document(f"note-{n:03}", text=note(n, "busy"), collection=COLLECTION)
        ended = first.operations.wait(begun, timeout=120)
        number = number_of(ended)
        assert states(second) == {1: "live", number: "ready"}
        old = cut(first) | cut(second)
        loads = [Load(one, callers=2), Load(two, callers=2)]
        with loads[0].running(), loads[1].running():
            for load in loads:
                load.answered(10)
            second.admin.generations.activate(number, collection=COLLECTION)
            assert states(first) == states(second) == {1: "former", number: "live"}
            for load in loads:
                load.answered(10)
            first.admin.generations.roll_back(collection=COLLECTION)
            second.upsert_document("after", text=note(99, "late"), collection=COLLECTION)
            second.admin.generations.roll_back(collection=COLLECTION)
            for load in loads:
                load.answered(10)
        new = cut(second)
        until(lambda: cut(first) == new)
        assert not new & old
        for load in loads:
            assert load.failed == []
            assert [seen for seen in load.seen if seen & new and seen & old] == []
            assert {bool(seen & new) for seen in load.seen} == {True, False}


def test_another_server_goes_on_with_a_reindex_and_with_a_deletion(servers: tuple[Served, Served]) -> None:
    """The one that ran it is gone."""
    one, two = servers
    with one.client() as first, two.client() as second:
        begun = first.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
        one.terminate()
        ended = second.operations.wait(begun, timeout=120)
        assert ended.state is OperationState.SUCCEEDED
        second.admin.generations.activate(number_of(ended), collection=COLLECTION)
        gone = second.operations.wait(second.admin.generations.delete(1, collection=COLLECTION), timeout=60)
        assert gone.state is OperationState.SUCCEEDED
        assert states(second) == {2: "live"}
        here = cut(second)
        one.start()
        with one.client() as again:
            assert cut(again) == here
            assert reindexed(again, chunker="structure") == 3
