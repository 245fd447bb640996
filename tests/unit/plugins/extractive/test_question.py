import pytest

from ragstone_plugins.extractive.question import Expected, Question


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who is the Harbour Master?", Expected.PERSON),
        ("When was the harbour opened?", Expected.TIME),
        ("In which year did it open?", Expected.TIME),
        ("where is the head office", Expected.PLACE),
        ("How many piers does it have?", Expected.NUMBER),
        ("What is the penalty for obstructing a ferry?", Expected.NUMBER),
        ("Why was the quay closed?", Expected.REASON),
        ("What colour is the lighthouse?", Expected.OTHER),
    ],
)
def test_kind_of_the_answer(question: str, expected: Expected) -> None:
    assert Question.of(question).expected is expected


@pytest.mark.parametrize(
    ("question", "text", "held"),
    [
        ("Who is the Harbour Master?", "Captain Ines Farrow has the office.", True),
        ("Who was on the quay?", "it was raining there.", False),
        ("When was it opened?", "It was opened in 1911.", True),
        ("When was it opened?", "It was opened by the king.", False),
        ("What happened in 1911, and when in the day?", "It was opened in 1911.", False),
        ("How many piers are there?", "There are three piers.", True),
        ("How many piers are there?", "The piers date from 1911.", False),
        ("Why was the quay closed?", "It was closed because of a storm.", True),
        ("Why was the quay closed?", "It was closed.", False),
    ],
)
def test_a_sentence_holds_what_is_asked_for(question: str, text: str, held: bool) -> None:
    assert Question.of(question).answered_in_kind(text) is held


def test_words_that_name_the_kind_of_the_answer_do_not_count() -> None:
    assert Question.of("How long must a password be?").words == ("password",)
    assert Question.of("In what year was Nordvik founded?").words == ("nordvik", "found")


def test_inflected_forms_fall_together() -> None:
    assert Question.of("ships carried prices").words == Question.of("ship carries price").words


def test_numbers_in_words_and_digits_are_the_same() -> None:
    assert Question.of("three piers").numbers == Question.of("3 piers").numbers == {"3"}
    assert Question.of("160,800 passengers").numbers == {"160800"}
