import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.tantivy.analysis import Analysis, normalised
from ragstone_plugins.tantivy.languages import NUMBERS, STEMMERS, UNKNOWN, UNSTEMMED, mark_of
from tests.unit.plugins.tantivy.sentences import SENTENCES

ANALYSIS = Analysis()


def _terms(text: str, *marks: str) -> list[str]:
    return [term for word in ANALYSIS.question(text, marks) for term in word.terms]


def test_questions_lose_stop_words_and_endings() -> None:
    assert _terms("What are the fares of the night ferries?", "en") == ["en:fare", "en:night", "en:ferri"]
    assert _terms("What are the fares of the night ferries?", UNSTEMMED) == ["x:fares", "x:night", "x:ferries"]
    assert _terms("Was kosten die Häuser an den Häfen?", "de") == ["de:kost", "de:haus", "de:haf"]


def test_stop_words_of_one_language_are_content_words_of_another() -> None:
    assert _terms("die casting", "en", "de") == ["en:die", "en:cast", "de:casting"]
    assert set(_terms("le prix de l'or", "fr", "en")) == {"fr:prix", "en:prix", "en:l", "fr:or"}


def test_the_stop_words_of_a_question_are_looked_for_in_no_language() -> None:
    assert _terms("Wann fährt die Fähre nach dem Winter?", "en") == ["en:wann", "en:fährt", "en:fähre", "en:winter"]


def test_a_question_of_stop_words_keeps_them() -> None:
    assert _terms("To be or not to be", UNSTEMMED) == ["x:to", "x:be", "x:or", "x:not"]
    assert _terms("To be or not to be", "en") == ["en:to", "en:be", "en:or", "en:not"]
    assert _terms("die", "de") == ["de:die"]


def test_a_word_counts_once() -> None:
    assert _terms("dog Dog DOG dogs", "en") == ["en:dog"]
    assert _terms("dog Dog DOG dogs", "en", UNSTEMMED) == ["en:dog", "x:dog", "x:dogs"]


@pytest.mark.parametrize("text", ["", "?", "\ud800", "\x00", "()"])
def test_no_words_are_no_terms(text: str) -> None:
    assert ANALYSIS.question(text, tuple(NUMBERS)) == []


def test_compatibility_forms_are_the_plain_words() -> None:
    assert normalised("\ufb01ne \uff21\uff22 cafe\u0301") == "fine AB café"
    assert normalised("plain") == "plain"
    assert normalised("a\ud800b") == "a?b"


@given(
    text=st.one_of(st.text(), st.sampled_from([each.passage for each in SENTENCES.values()])),
    mark=st.sampled_from(list(NUMBERS)),
)
def test_each_word_of_a_text_has_one_stem_in_each_language(text: str, mark: str) -> None:
    text = normalised(text)
    words, terms = ANALYSIS.text(UNSTEMMED, text).split(), ANALYSIS.text(mark, text).split()
    assert len(words) == len(terms)
    assert all(term.startswith(f"{mark}:") for term in terms)


def test_marks_on_letters_do_not_cut_words() -> None:
    assert ANALYSIS.text("x", "துறைமுகம் कितना") == "x:துறைமுகம் x:कितना"


@pytest.mark.parametrize(
    ("language", "mark"),
    [
        (None, UNKNOWN),
        ("und", UNKNOWN),
        ("en", "en"),
        ("en-GB", "en"),
        ("eng", "en"),
        ("EN_us", "en"),
        ("de", "de"),
        ("ger", "de"),
        ("nb", "no"),
        ("cs", UNSTEMMED),
        ("enm", UNSTEMMED),
    ],
)
def test_tags_and_codes_name_the_language(language: str | None, mark: str) -> None:
    assert mark_of(language) == mark


def test_all_marks_and_numbers_are_kept_for_ever() -> None:
    assert list(NUMBERS) == ["x", "u", *"ar da de el en es fi fr hu it nl no pt ro ru sv ta tr".split()]
    assert len(STEMMERS) == 18


@pytest.mark.parametrize("language", SENTENCES)
def test_stop_words_tell_a_language_that_is_not_known(language: str) -> None:
    """The Scandinavian languages share most of theirs: a sentence leaves doubt there."""
    told = ANALYSIS.mark(None, [normalised(SENTENCES[language].passage)])
    assert told == (UNKNOWN if language in ("da", "no") else language)


@pytest.mark.parametrize(
    "text", ["", "Ferry tickets", "12 34", "Trajekty odplouvají z přístavu v devět hodin.", "東京の港"]
)
def test_few_words_and_other_languages_leave_doubt(text: str) -> None:
    assert ANALYSIS.mark(None, [text]) == UNKNOWN


def test_what_a_document_says_of_its_language_counts() -> None:
    assert ANALYSIS.mark("sv", [SENTENCES["de"].passage]) == "sv"
