import numpy as np

from ragstone_plugins.extractive.features import LEXICAL, Candidate, describe
from ragstone_plugins.extractive.question import Question
from ragstone_plugins.extractive.reading import Source, read
from ragstone_plugins.extractive.selection import same_statement, select


def source(number: int, title: str, text: str) -> Source:
    return Source(number=number, title=title, headings=(), text=text)


def test_further_sentences_must_be_nearly_as_likely() -> None:
    apart = np.zeros((3, 3), dtype=bool)
    assert select(np.array([-5.0, 1.0, 0.5]), apart, 0.3, 3) == [1, 2]
    assert select(np.array([-5.0, 1.0, 0.5]), apart, 0.9, 3) == [1]
    assert select(np.array([1.0, 1.0, 1.0]), apart, 0.3, 2) == [0, 1]
    assert select(np.zeros(0), np.zeros((0, 0), dtype=bool), 0.3, 3) == []


def test_of_two_documents_that_say_the_same_only_the_better_speaks() -> None:
    texts = ("The hotel limit is 135 euros per night.", "The hotel limit is 110 euros per night.", "Breakfast is paid.")
    same = same_statement(texts, (1, 2, 2), None, 0.8, 0.34)
    assert select(np.array([1.0, 0.9, 0.8]), same, 0.3, 3) == [0, 2]


def test_a_rule_and_its_exception_in_one_passage_are_two_statements() -> None:
    texts = ("The hotel limit is 135 euros per night.", "In the capital the hotel limit is 165 euros per night.")
    assert not same_statement(texts, (1, 1), np.ones((2, 2), dtype=np.float32), 0.8, 0.34).any()


def test_older_editions_rank_last_unless_the_question_names_them() -> None:
    sources = (source(1, "Fares 2024", "A ticket costs 20 euros."), source(2, "Fares 2025", "A ticket costs 22 euros."))
    now = read(Question.of("What does a ticket cost?"), sources)
    assert [(candidate.number, candidate.rank) for candidate in now] == [(2, 1), (1, 2)]
    then = read(Question.of("What did a ticket cost in 2024?"), sources)
    assert [(candidate.number, candidate.rank) for candidate in then] == [(1, 0), (2, 1)]


def test_rows_show_the_columns_that_are_asked_for() -> None:
    table = "| Zone | 20 ft container | 40 ft container |\n|---|---|---|\n| Zone B | 80 euros | 120 euros |"
    asked = read(Question.of("How much is a 40 ft container in Zone B?"), (source(1, "Tariff", table),))
    assert [candidate.text for candidate in asked] == ["Zone B, 40 ft container: 120 euros"]
    other = read(Question.of("What is paid in Zone B?"), (source(1, "Tariff", table),))
    assert [candidate.text for candidate in other] == ["Zone B, 20 ft container: 80 euros; 40 ft container: 120 euros"]


def test_columns_without_the_expected_kind_do_not_hide_the_answer() -> None:
    table = "| Level | Report to | Within |\n|---|---|---|\n| Level 2 | superintendent | 4 hours |"
    (row,) = read(Question.of("When must level 2 be reported?"), (source(1, "Incidents", table),))
    assert row.text == "Level 2, Report to: superintendent; Within: 4 hours"


def test_equal_texts_are_read_once() -> None:
    found = read(Question.of("Who?"), (source(1, "", "It is so."), source(2, "", "It is so.")))
    assert [candidate.number for candidate in found] == [1]


def test_features_do_not_look_at_what_is_not_evidence() -> None:
    question = Question.of("How many passengers did Route 3 carry in 2019?")
    candidates = [
        Candidate(text="Route 3 carried 160,800 passengers in 2024.", near="Report", number=1, rank=0),
        Candidate(text="It rained.", near="Report", number=2, rank=9),
    ]
    features = [dict(zip(LEXICAL, row, strict=True)) for row in describe(question, candidates)]
    assert features[0]["year_missed"] == 1
    assert features[0]["numbers"] == 0.5
    assert features[0]["kind_missed"] == 0
    assert features[1]["coverage"] == 0
    assert features[1]["rank"] == 1
