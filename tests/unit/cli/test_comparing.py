"""What a person reads of a comparison."""

from collections.abc import Sequence

import pytest

from ragstone.v1 import generation_pb2
from ragstone_server.cli.comparing import print_comparison

COMPARISON = generation_pb2.QuestionComparison


def ranking(*places: tuple[str, int]) -> Sequence[generation_pb2.RankedPassage]:
    """Documents with their places in the other ranking."""
    return [
        generation_pb2.RankedPassage(rank=rank, document=document, other_rank=other, headings=["A", "Fares"])
        for rank, (document, other) in enumerate(places, 1)
    ]


def printed(capsys: pytest.CaptureFixture[str], *questions: generation_pb2.QuestionComparison, show: int = 10) -> str:
    print_comparison(
        generation_pb2.CompareGenerationsResponse(
            base=generation_pb2.IndexGeneration(name="c/generations/1"),
            compared=generation_pb2.IndexGeneration(name="c/generations/12"),
            top_k=5,
            overlap=0.5,
            rank_biased_overlap=0.25,
            text_overlap=0.125,
            first_changed=1,
            questions=questions,
        ),
        show,
    )
    return capsys.readouterr().out


def test_the_figures_come_first_then_both_rankings(capsys: pytest.CaptureFixture[str]) -> None:
    differs = COMPARISON(
        question="Who pays\x1b[2J?",
        overlap=0.5,
        rank_biased_overlap=0.25,
        text_overlap=0.125,
        base=ranking(("fares", 2), ("pets", 0)),
        compared=ranking(("crew", 0), ("fares", 1), ("more", 0)),
        entered=[f"d{n}" for n in range(7)],
        left=["pets"],
        degraded=["generation 12: dense took too long"],
    )
    lines = printed(capsys, differs).splitlines()
    assert lines[0] == "generation 12 beside 1, 1 questions, the first 5 passages:"
    assert [line.split()[-1] for line in lines[1:4]] == ["50.0%", "0.250", "12.5%"]
    assert lines[6] == "Who pays\\x1b[2J?", "nothing that a terminal obeys"
    assert lines[7].endswith("; entered: d0, d1, d2, d3, d4 and 2 more; left: pets")
    assert lines[8] == "  degraded: generation 12: dense took too long"
    assert [line.split() for line in lines[9:]] == [
        ["generation", "1", "generation", "12"],
        ["1", "fares", "·", "Fares", "·", "was", "2", "crew", "·", "Fares", "·", "new"],
        ["2", "pets", "·", "Fares", "·", "new", "fares", "·", "Fares", "·", "was", "1"],
        ["3", "more", "·", "Fares", "·", "new"],
    ]


def test_what_does_not_differ_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    same = COMPARISON(question="same", overlap=1, rank_biased_overlap=1, text_overlap=1)
    cut = COMPARISON(question="cut otherwise", overlap=1, rank_biased_overlap=1, text_overlap=0.4)
    said = printed(capsys, cut, same)
    assert "cut otherwise" in said
    assert "same" not in said
    assert "cut otherwise" not in printed(capsys, cut, same, show=0)


def test_without_questions_it_says_how_to_give_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert "give some with --question" in printed(capsys)
