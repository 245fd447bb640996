import pytest

from ragstone_plugins.tantivy.analysis import ENGLISH, PLAIN, Analysis, field_of, normalised


def _words(text: str, field: str) -> list[str]:
    return [term.word for term in Analysis().question(text) if term.field == field]


def test_questions_lose_stop_words_and_endings() -> None:
    assert _words("What are the fares of the night ferries?", ENGLISH) == ["fare", "night", "ferri"]
    assert _words("What are the fares of the night ferries?", PLAIN) == ["fares", "night", "ferries"]


def test_a_question_of_stop_words_keeps_them() -> None:
    assert _words("To be or not to be", PLAIN) == ["to", "be", "or", "not"]


def test_a_word_counts_once() -> None:
    assert _words("dog Dog DOG dogs", ENGLISH) == ["dog"]


@pytest.mark.parametrize("text", ["", "?", "\ud800", "\x00", "()"])
def test_no_words_are_no_terms(text: str) -> None:
    assert Analysis().question(text) == []


def test_compatibility_forms_are_the_plain_words() -> None:
    assert normalised("\ufb01ne \uff21\uff22 cafe\u0301") == "fine AB café"
    assert normalised("plain") == "plain"
    assert normalised("a\ud800b") == "a?b"


@pytest.mark.parametrize(
    ("language", "field"),
    [
        (None, ENGLISH),
        ("en", ENGLISH),
        ("en-GB", ENGLISH),
        ("eng", ENGLISH),
        ("EN_us", ENGLISH),
        ("de", PLAIN),
        ("enm", PLAIN),
    ],
)
def test_english_and_unknown_languages_are_stemmed(language: str | None, field: str) -> None:
    assert field_of(language) == field
