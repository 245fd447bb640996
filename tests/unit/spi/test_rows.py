from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.visibility import Attributes, Visibility
from ragstone_server.testing.conformance.view_samples import attribute_sets, visibilities

EVERYONE = Visibility(principals=frozenset(), default_readable=True)


def _plain(**metadata: float | str | bool) -> Attributes:
    return Attributes(metadata=metadata, readers=None)


@given(first=st.lists(attribute_sets), later=st.lists(attribute_sets), asked=visibilities)
def test_passing_agrees_with_the_definition_whenever_groups_came(
    first: list[Attributes], later: list[Attributes], asked: Visibility
) -> None:
    groups = RowGroups()
    numbers = {groups.number(each): each for each in first}
    groups.passing(asked)
    numbers |= {groups.number(each): each for each in later}
    passing = groups.passing(asked)
    assert len(passing) == groups.end == len(groups) == len({each.key for each in (*first, *later)})
    assert all(passing[number] == asked.allows(each) for number, each in numbers.items())


def test_true_and_one_are_two_questions() -> None:
    groups = RowGroups()
    groups.number(_plain(open=True))
    one, true = (
        Visibility(
            principals=frozenset(),
            default_readable=True,
            filter=Comparison(field="open", operator=Operator.EQUAL, value=value),
        )
        for value in (1.0, True)
    )
    assert one == true
    assert not groups.passing(one).any()
    assert groups.passing(true).all()


def test_an_answer_is_never_changed_afterwards() -> None:
    groups = RowGroups()
    groups.number(_plain(a=1.0))
    before = groups.passing(EVERYONE)
    groups.number(_plain(a=2.0))
    assert len(before) == 1
    assert groups.passing(EVERYONE).tolist() == [True, True]


def test_dumped_groups_are_loaded_with_their_numbers() -> None:
    groups = RowGroups()
    stamped = Attributes(metadata={"at": datetime(2025, 3, 1, tzinfo=UTC)}, readers=frozenset({"user:ada"}))
    for each in (_plain(), stamped, _plain(a="x")):
        groups.number(each)
    kept = groups.retained({1, 2})
    loaded = RowGroups.load(kept.dump())
    assert (len(loaded), loaded.end) == (2, 3)
    assert loaded.number(stamped) == 1
    assert loaded.number(_plain()) == 3
    assert list(loaded.dump(2)) == [(2, _plain(a="x").key), (3, _plain().key)]
    assert loaded.attributes(1) == stamped
    with pytest.raises(LookupError):
        loaded.attributes(0)
    assert kept.passing(EVERYONE).tolist() == [False, False, True]
    assert groups.passing(EVERYONE).tolist() == [True, False, True]


def test_many_questions_are_answered_from_bounded_memory() -> None:
    groups = RowGroups()
    groups.number(_plain(a=1.0))
    for value in range(500):
        filter_ = Comparison(field="a", operator=Operator.EQUAL, value=float(value))
        asked = Visibility(principals=frozenset(), default_readable=True, filter=filter_)
        assert np.count_nonzero(groups.passing(asked)) == (value == 1)
    assert len(groups._answers) <= 64
