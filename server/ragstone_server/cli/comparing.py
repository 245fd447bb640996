"""How two generations differ, for people."""

from collections.abc import Iterable

import click

from ragstone.v1 import generation_pb2
from ragstone_server.cli.common import print_table
from ragstone_server.cli.texts import printable

_MOST_NAMED = 5


def print_comparison(compared: generation_pb2.CompareGenerationsResponse, show: int) -> None:
    """The figures overall, then the questions that differ most, `show` of them, with both rankings side by side."""
    base, other = (each.name.rpartition("/")[2] for each in (compared.base, compared.compared))
    if not compared.questions:
        click.echo("no questions: none is recorded yet; give some with --question or --questions FILE")
        return
    click.echo(
        f"generation {other} beside {base}, {len(compared.questions)} questions, the first {compared.top_k} passages:\n"
        f"  documents in both       {compared.overlap:6.1%}\n"
        f"  rank-biased overlap     {compared.rank_biased_overlap:6.3f}\n"
        f"  text in both            {compared.text_overlap:6.1%}\n"
        f"  another first document  {compared.first_changed} of {len(compared.questions)} questions"
    )
    for question in [each for each in compared.questions if _differs(each)][:show]:
        _print_question(question, base, other)


def _differs(question: generation_pb2.QuestionComparison) -> bool:
    return min(question.rank_biased_overlap, question.text_overlap) < 1 or bool(question.degraded)


def _print_question(question: generation_pb2.QuestionComparison, base: str, other: str) -> None:
    click.echo(f"\n{printable(question.question, keep='')}")
    click.echo(
        f"  documents in both {question.overlap:.0%}, rank-biased overlap {question.rank_biased_overlap:.3f}, "
        f"text in both {question.text_overlap:.0%}"
        f"{_named('; entered', question.entered)}{_named('; left', question.left)}"
    )
    for reason in question.degraded:
        click.echo(f"  degraded: {printable(reason, keep='')}")
    rows = [
        {
            "": place + 1,
            f"generation {base}": _place(question.base, place),
            f"generation {other}": _place(question.compared, place),
        }
        for place in range(max(len(question.base), len(question.compared)))
    ]
    if rows:
        print_table(rows, list(rows[0]))


def _named(word: str, documents: Iterable[str]) -> str:
    names = list(documents)
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return printable(f"{word}: {', '.join(names[:_MOST_NAMED])}{more}", keep="")


def _place(ranking: "Iterable[generation_pb2.RankedPassage]", place: int) -> str:
    passages = list(ranking)
    if place >= len(passages):
        return ""
    passage = passages[place]
    parts = [passage.document, *passage.headings[-1:]]
    if passage.HasField("page"):
        parts.append(f"p. {passage.page}")
    moved = (
        "new" if not passage.other_rank else "" if passage.other_rank == passage.rank else f"was {passage.other_rank}"
    )
    return " · ".join(filter(None, (*parts, moved)))
