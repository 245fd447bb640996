"""Fits the judges on one part of the examples and chooses what is a choice on another."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ragstone_plugins.extractive.calibration.examples import Example, Situation
from ragstone_plugins.extractive.calibration.fit import fit_logistic
from ragstone_plugins.extractive.features import COSINE
from ragstone_plugins.extractive.scoring import Array, Judge, Linear, columns_of, shortlist, summary

_RANKED_BY = ("coverage", "coverage_near", "pairs", "numbers", "kind_missed", "year_missed", "rank")
_JUDGED_BY = ("coverage", "coverage_near", "numbers", "names", "kind_missed", "year_missed", "negation")

LEAST_ANSWERED = 0.8
"""Share of the answerable questions that must be answered, whatever it costs."""
MEAN_SENTENCES = 1.5
"""Sentences that an answer has on average, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Examples by what they are for; no article is in two of them."""

    fit: tuple[Example, ...]
    choose: tuple[Example, ...]
    report: tuple[Example, ...]


def split(found: Iterable[Example], seed: int) -> Parts:
    """Half of the articles to fit, a quarter to choose, a quarter to report."""
    found = tuple(found)
    groups = sorted({example.group for example in found})
    random.Random(seed).shuffle(groups)  # noqa: S311  a reproducible split, no secret
    half, rest = len(groups) // 2, len(groups) * 3 // 4
    fit, choose = set(groups[:half]), set(groups[half:rest])
    return Parts(
        fit=tuple(example for example in found if example.group in fit),
        choose=tuple(example for example in found if example.group in choose),
        report=tuple(example for example in found if example.group not in fit | choose),
    )


def learn_judge(parts: Parts, screen: Judge | None = None) -> Judge:
    """A judge that needs no vectors, or with `screen`, which chooses what is embedded, one that also sees cosines."""
    cosine = (COSINE,) if screen else ()
    rank = _learn_rank(parts.fit, (*_RANKED_BY, *cosine), screen)
    judge = Judge(rank=rank, answers=Linear(weights={}, intercept=0.0), threshold=0.5)
    answers = _learn_answers(parts.fit, (*_JUDGED_BY, *cosine), judge, screen)
    judge = judge.model_copy(update={"answers": answers})
    return judge.model_copy(update={"threshold": choose_threshold(parts.choose, judge, screen)})


def columns(example: Example, screen: Judge | None) -> tuple[dict[str, Array], np.ndarray]:
    """Features of the candidates that a judge sees, and which they are."""
    if screen is None:
        return columns_of(example.lexical), np.arange(len(example.lexical))
    rows = shortlist(screen, example.lexical)
    return columns_of(example.lexical[rows], example.cosine[rows]), rows


def confidence(example: Example, judge: Judge, screen: Judge | None) -> float:
    """Of one example; 0 where it has no candidates."""
    seen, rows = columns(example, screen)
    return judge.confidence(seen, int(np.argmax(judge.rank.logits(seen)))) if len(rows) else 0.0


def choose_threshold(found: Sequence[Example], judge: Judge, screen: Judge | None) -> float:
    """The threshold of the best balanced accuracy among those that answer `LEAST_ANSWERED` of the answerable questions.

    The two kinds of questions without an answer count the same, however many there are of each.
    """
    scores = {
        situation: np.sort([confidence(example, judge, screen) for example in found if example.situation is situation])
        for situation in Situation
    }
    highest = float(np.quantile(scores[Situation.ANSWERABLE], 1 - LEAST_ANSWERED))
    grid = [threshold for threshold in np.arange(0.02, 0.98, 0.005) if threshold <= highest]
    return round(float(max(grid, key=lambda threshold: _balanced(scores, threshold))), 3)


def _balanced(scores: dict[Situation, Array], threshold: float) -> float:
    answered = {situation: float((values >= threshold).mean()) for situation, values in scores.items() if len(values)}
    wrongly = (answered[Situation.UNANSWERABLE] + answered[Situation.ABSENT]) / 2
    return (answered[Situation.ANSWERABLE] + 1 - wrongly) / 2


def _learn_rank(found: Sequence[Example], names: tuple[str, ...], screen: Judge | None) -> Linear:
    """Whether a candidate holds the answer, over the candidates of answerable questions."""
    features, labels = [], []
    for example in found:
        if example.situation is Situation.ANSWERABLE:
            seen, rows = columns(example, screen)
            features.append(np.column_stack([seen[name] for name in names]))
            labels.append(example.holds[rows])
    holds = np.concatenate(labels).astype(np.float64)
    return _linear(names, *fit_logistic(np.vstack(features), holds, np.ones_like(holds)))


def _learn_answers(found: Sequence[Example], names: tuple[str, ...], judge: Judge, screen: Judge | None) -> Linear:
    """Whether the evidence answers, from its summary; answerable and not weigh the same, as do the two kinds of not."""
    rows, situations = [], []
    for example in found:
        seen, _ = columns(example, screen)
        if example.situation is not Situation.MISSED:
            whole = summary(seen, int(np.argmax(judge.rank.logits(seen))))
            rows.append([float(whole[name][0]) for name in names])
            situations.append(example.situation)
    answers = np.array([situation is Situation.ANSWERABLE for situation in situations], dtype=np.float64)
    share = {Situation.ANSWERABLE: 1.0, Situation.UNANSWERABLE: 0.5, Situation.ABSENT: 0.5}
    weights = np.array([share[situation] * len(answers) / situations.count(situation) for situation in situations])
    return _linear(names, *fit_logistic(np.array(rows), answers, weights / weights.mean()))


def _linear(names: tuple[str, ...], weights: Array, intercept: float) -> Linear:
    return Linear(
        weights={name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)},
        intercept=round(intercept, 4),
    )
