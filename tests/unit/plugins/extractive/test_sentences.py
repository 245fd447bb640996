import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.extractive.sentences import plain, split_sentences


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


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("The **deposit** is *340* euros.", "The deposit is 340 euros."),
        ("See [the tariff](https://example.org/t.html) and ![a map](m.png)", "See the tariff and"),
        ("Run `ragstone serve` now", "Run ragstone serve now"),
        ("snake_case_name and 2 * 3 * 4 stay", "snake_case_name and 2 * 3 * 4 stay"),
        ("It opened in 1911.[3] Footnotes go.[^1]", "It opened in 1911. Footnotes go."),
        ("one<br>two\nthree", "one two three"),
        ("a < b and c > d", "a < b and c > d"),
        (r"10 \* 2", "10 * 2"),
    ],
)
def test_plain_is_what_a_reader_sees(markdown: str, text: str) -> None:
    assert plain(markdown) == text
