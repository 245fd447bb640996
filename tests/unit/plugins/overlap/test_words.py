"""What a sentence is made of, as far as support is concerned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.overlap.words import parts_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It costs 1,500 euros.", "It costs 1500 euros."),
        ("It weighs 1.50 kg.", "It weighs 1.5 kg."),
        ("The pilots worked.", "The pilot works."),
        ("Berths were assigned.", "A berth is assigned."),
    ],
)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert parts_of(one).words == parts_of(other).words


def test_numbers_names_and_negation() -> None:
    parts = parts_of("The ferry to Nordvik doesn’t leave before 9:30 on 2024-01-15.")
    assert parts.numbers == {"9:30", "2024-01-15"}
    assert parts.names == {"nordvik"}
    assert parts.negated


@pytest.mark.parametrize("text", ["Nobody may not enter.", "They are open.", "Nothing is not free."])
def test_two_negations_are_none(text: str) -> None:
    assert not parts_of(text).negated


def test_the_first_word_is_no_name() -> None:
    assert parts_of("Harbours are open.").names == frozenset()


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parts = parts_of(text)
    assert parts.numbers | parts.names <= parts.words
