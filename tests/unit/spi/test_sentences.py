"""Where sentences end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.spi.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It opened in 1911. It has three piers.", ["It opened in 1911.", "It has three piers."]),
        ("Dr. Ines Farrow signs. So does J. R. Keld.", ["Dr. Ines Farrow signs.", "So does J. R. Keld."]),
        ("The limit is 0.5 m/s. Above it, stop!", ["The limit is 0.5 m/s.", "Above it, stop!"]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("See e.g. Section 3 for that.", ["See e.g. Section 3 for that."]),
        ("It moved to No. 4 in Dec. 2019. No. It did not.", ["It moved to No. 4 in Dec. 2019.", "No.", "It did not."]),
        ("Is it? Yes.", ["Is it?", "Yes."]),
        ("港は1911年に開かれた。桟橋は三つある。", ["港は1911年に開かれた。", "桟橋は三つある。"]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
def test_splits_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert list(split_sentences(text)) == sentences


@given(st.text(alphabet="aB1 .!?。\"')\n", max_size=80))
def test_splitting_loses_nothing(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())
