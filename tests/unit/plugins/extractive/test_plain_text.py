import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.extractive.sentences import plain, unmarked
from ragstone_server.pipelines.citations import CitationChecker
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


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("The **deposit** is *340* euros.", "The deposit is 340 euros."),
        ("See [the tariff](https://example.org/t.html) and ![a map](m.png)", "See the tariff and"),
        ("Run `ragstone serve` now", "Run ragstone serve now"),
        ("snake_case_name and 2 * 3 * 4 stay", "snake_case_name and 2 * 3 * 4 stay"),
        ("It opened in 1911.[3] Footnotes go.[^1]", "It opened in 1911. Footnotes go."),
        (
            "It opened in 1911 [3]. Footnotes go [^1], in groups [4, 5][6\u20138] too.",
            "It opened in 1911. Footnotes go, in groups too.",
        ),
        ("Opened\n[12] in 1911", "Opened in 1911"),
        ("Opened [3][4] in [1911][year], see [the law][1]", "Opened in 1911, see the law"),
        (f"[{'9' * 5000}]", f"({'9' * 5000})"),
        ("As amended [2024] and [2020-2024]", "As amended (2024) and (2020-2024)"),
        ("A share in [0, 1] or [1.5, 2] or [n]", "A share in (0, 1) or [1.5, 2] or [n]"),
        ("one<br>two\nthree", "one two three"),
        ("a < b and c > d", "a < b and c > d"),
        (r"10 \* 2", "10 * 2"),
    ],
)
def test_plain_is_what_a_reader_sees(markdown: str, text: str) -> None:
    assert plain(markdown) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("argv[0] = m[1, 2]", "argv[ 0] = m[ 1, 2]"), ("[n] [1.5] [ 1]", "[n] [1.5] [ 1]"), ("[[2]]", "[[ 2]]")],
)
def test_what_would_read_as_a_citation_is_spaced(text: str, shown: str) -> None:
    assert unmarked(text) == shown


@given(st.text("[1]0 ,-\u2013^;a\\\n", max_size=40))
def test_p6_the_checker_finds_nothing_in_a_quote(text: str) -> None:
    for quote in (unmarked(text), unmarked(plain(text))):
        checker = CitationChecker(())
        deltas = [*checker.feed(quote), *checker.finish()]
        assert (checker.text, checker.invalid) == (quote, 0), deltas
