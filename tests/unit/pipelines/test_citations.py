"""Citations are checked while the answer streams (promise P6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.pipelines.citations import LONGEST, CitationChecker
from ragstone_server.pipelines.events import Citation, Delta
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.testing.conformance.samples import scored

EVIDENCE = tuple(
    NumberedPassage(
        number=number, scored=scored(number, f"text {number}"), range=ByteRange(start=0, end=6), text="text"
    )
    for number in (1, 2, 3, 12)
)


def check(*pieces: str) -> tuple[CitationChecker, list[Delta | Citation]]:
    checker = CitationChecker(EVIDENCE)
    events = [event for piece in pieces for event in checker.feed(piece)]
    events += checker.finish()
    return checker, events


def cited(checker: CitationChecker) -> list[tuple[int, str]]:
    return [(citation.number, citation.range.of(checker.text.encode())) for citation in checker.citations]


def test_a_citation_supports_the_sentence_before_it() -> None:
    checker, _ = check("It is old. It is free [1]. [2]\nIt is deep,\nand [12]")
    assert cited(checker) == [(1, "It is free"), (2, "It is free"), (12, "and")]


def test_a_citation_supports_what_stands_before_it() -> None:
    checker, events = check("The ferry leaves at nine [1]. It is free [2].")
    assert checker.text == "The ferry leaves at nine [1]. It is free [2]."
    assert cited(checker) == [(1, "The ferry leaves at nine"), (2, "It is free")]
    assert [type(event) for event in events].count(Citation) == 2


def test_a_citation_follows_its_marker_in_the_order_of_the_text() -> None:
    _, events = check("Nine [1] o'clock.")
    assert [event.text if isinstance(event, Delta) else event.number for event in events] == [
        "Nine",
        " [1]",
        1,
        " o'clock.",
    ]


@pytest.mark.parametrize("marker", ["[4]", "[0]", "[0007]", " [9999]", " [2024]", "[12345]", "[^9]", f" [{'9' * 30}]"])
def test_one_that_names_no_passage_is_removed_and_counted(marker: str) -> None:
    checker, _ = check(f"Nine{marker}. Ten [2].")
    assert checker.text == "Nine. Ten [2]."
    assert checker.invalid == 1
    assert cited(checker) == [(2, "Ten")]


@pytest.mark.parametrize(
    ("marker", "numbers", "invalid"),
    [
        ("[1, 2]", [1, 2], 0),
        ("[1,2]", [1, 2], 0),
        ("[1; 2]", [1, 2], 0),
        ("[1 , 12]", [1, 12], 0),
        ("[1-3]", [1, 2, 3], 0),
        ("[1\u20133]", [1, 2, 3], 0),
        ("[1 \u2014 2]", [1, 2], 0),
        ("[1-2, 12]", [1, 2, 12], 0),
        ("[1, 1-2]", [1, 2], 0),
        ("[^1]", [1], 0),
        ("[^1, ^2]", [1, 2], 0),
        ("[01]", [1], 0),
        ("[1\u30012]", [1, 2], 0),
        ("[1, 7]", [1], 1),
        ("[7, 1]", [1], 1),
        ("[3-5]", [3], 2),
        ("[7, 8]", [], 2),
        ("[1-999999999]", [], 1),
        ("[2-1]", [], 1),
        ("[1, 2-999999999]", [1], 1),
        ("[0-0]", [], 1),
    ],
)
def test_groups_ranges_and_footnotes_become_markers_of_one_number(
    marker: str, numbers: list[int], invalid: int
) -> None:
    markers = "".join(f"[{number}]" for number in numbers)
    for space in ("", " "):
        checker, events = check(f"Größe{space}{marker}. Ten [2].")
        assert checker.text == f"Größe{space if numbers else ''}{markers}. Ten [2]."
        assert cited(checker) == [*((number, "Größe") for number in numbers), (2, "Ten")]
        assert checker.invalid == invalid
        assert "".join(event.text for event in events if isinstance(event, Delta)) == checker.text


def test_each_citation_of_a_group_follows_its_own_marker() -> None:
    _, events = check("Nine [1, 2].")
    assert [event.text if isinstance(event, Delta) else event.number for event in events] == [
        "Nine",
        " [1]",
        1,
        "[2]",
        2,
        ".",
    ]


def test_two_markers_side_by_side_support_the_same() -> None:
    checker, _ = check("Nine [1][2] [12].")
    assert cited(checker) == [(1, "Nine"), (2, "Nine"), (12, "Nine")]


def test_ranges_are_bytes_of_utf_8() -> None:
    checker, _ = check("Größe: 5 € — gut [1]. 神戸港 [2]")
    assert cited(checker) == [(1, "Größe: 5 € — gut"), (2, "神戸港")]
    assert checker.citations[0].range == ByteRange(start=0, end=len("Größe: 5 € — gut".encode()))


@pytest.mark.parametrize(
    "text",
    [
        *("[1", "[", " ", "[x]", "[ 1 ]", "1]", "[[2]]", "[-1]", "[]", "[a]", "[1, a]", "[1.5, 2]", "[1, 2.5]"),
        *(
            "[1,]",
            "[,1]",
            "[1,,2]",
            "[1-2-3]",
            "[2024-01-15]",
            "[1 2]",
            "[^]",
            "[^^1]",
            "[^a]",
            "[1, 2",
            "[1-",
            "[1, [x",
        ),
        f"[{'1' * 31}]",
        f"[{'1, ' * 10}1]",
    ],
)
def test_what_is_no_marker_stays_text(text: str) -> None:
    checker, _ = check(*text)
    assert checker.text == text
    assert checker.invalid == 0


@pytest.mark.parametrize(
    "text",
    [
        "Nine [1]. Ten [2][3]. Größe [12] €.",
        "a[1]b[77]c [",
        "[1][1] [2",
        "Nine [1, 2]. Ten [1-3; ^12], eleven [9 - 12] [12345][1",
        "a [1, 2.5] [1-2-3] [^1] [^x] [1 [2] [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2] [7-1].",
    ],
)
def test_every_cut_into_two_pieces_gives_the_same(text: str) -> None:
    whole, _ = check(text)
    for cut in range(len(text) + 1):
        parts, events = check(text[:cut], text[cut:])
        assert (parts.text, cited(parts), parts.invalid) == (whole.text, cited(whole), whole.invalid)
        assert all(event.text for event in events if isinstance(event, Delta))


@given(st.lists(st.text("a [1]29ü.,-^", max_size=8), max_size=8))
def test_pieces_never_change_the_answer(pieces: list[str]) -> None:
    whole, _ = check("".join(pieces))
    parts, events = check(*pieces)
    assert parts.text == whole.text == "".join(event.text for event in events if isinstance(event, Delta))
    assert parts.citations == whole.citations
    for citation in parts.citations:
        citation.range.of(parts.text.encode())  # begins and ends between characters


def test_text_is_held_back_only_while_it_could_become_a_marker() -> None:
    checker = CitationChecker(EVIDENCE)
    assert list(checker.feed("Nine")) == [Delta(text="Nine")]
    assert list(checker.feed(" [1")) == []
    assert [type(event) for event in checker.feed("2] ")] == [Delta, Citation]


@pytest.mark.parametrize("text", ["[[9]1]", "[1,[9] 2]", "[1[9]]", "[^[77]1]"])
def test_what_is_left_of_a_removed_marker_is_no_marker(text: str) -> None:
    checker, _ = check(text)
    again, _ = check(checker.text)
    assert (again.text, again.citations, again.invalid) == (checker.text, [], 0)


@given(st.text("[[1]]29 ,-^;a", max_size=30))
def test_p6_a_checked_answer_has_no_marker_without_its_citation(text: str) -> None:
    checker, _ = check(text)
    again, _ = check(checker.text)
    assert (again.text, again.citations, again.invalid) == (checker.text, checker.citations, 0)


@given(st.text("[129 ,-^;a", max_size=80))
def test_p11_little_is_ever_held_back(text: str) -> None:
    checker = CitationChecker(EVIDENCE)
    for count, character in enumerate(text, 1):
        list(checker.feed(character))
        assert text.startswith(checker.text)
        assert count - len(checker.text) <= LONGEST


def test_a_piece_that_never_ends_a_marker_is_let_go() -> None:
    checker = CitationChecker(EVIDENCE)
    list(checker.feed("Nine [" + "1, " * 1000))
    assert checker.text == "Nine [" + "1, " * 999 + "1,"
