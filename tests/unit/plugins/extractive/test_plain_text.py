import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.extractive.plain_text import plain, unmarked
from ragstone_server.pipelines.citations import CitationChecker


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
