"""How well a judge does on examples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.extractive.calibration.examples import Embed, Example, Situation
from ragstone_plugins.extractive.calibration.fit import auc
from ragstone_plugins.extractive.calibration.learn import columns, confidence
from ragstone_plugins.extractive.scoring import Array, Judge
from ragstone_plugins.extractive.selection import same_statement, select, word_overlap


def figures(found: Sequence[Example], judge: Judge, screen: Judge | None) -> dict[str, float]:
    """Shares of questions: answered where there is an answer, abstained where there is none; areas under the curve."""
    scores = confidences(found, judge, screen)
    answerable = scores[Situation.ANSWERABLE]
    first = [_first_holds(example, judge, screen) for example in found if example.situation is Situation.ANSWERABLE]
    result = {
        "answerable": float(len(answerable)),
        "answered": float((answerable >= judge.threshold).mean()),
        "first_sentence_holds": float(np.mean(first)),
        "first_sentence_holds_where_answered": float(np.mean(np.array(first)[answerable >= judge.threshold])),
    }
    for situation in (Situation.UNANSWERABLE, Situation.ABSENT):
        against = scores[situation]
        labels = np.concatenate([np.ones(len(answerable)), np.zeros(len(against))])
        result[f"{situation}"] = float(len(against))
        result[f"{situation}_abstained"] = float((against < judge.threshold).mean())
        result[f"{situation}_auc"] = auc(np.concatenate([answerable, against]), labels)
    return result


def confidences(found: Sequence[Example], judge: Judge, screen: Judge | None) -> dict[Situation, Array]:
    """Of all examples, by situation."""
    return {
        situation: np.array([confidence(example, judge, screen) for example in found if example.situation is situation])
        for situation in Situation
    }


def curve(found: Sequence[Example], judge: Judge, screen: Judge | None) -> list[tuple[float, float, float, float]]:
    """The trade-off: (answered where answerable, threshold, abstained where unanswerable, abstained where absent)."""
    scores = confidences(found, judge, screen)
    points = []
    for answered in (0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5):
        threshold = float(np.quantile(scores[Situation.ANSWERABLE], 1 - answered))
        unanswerable, absent = (
            float((scores[kind] < threshold).mean()) for kind in (Situation.UNANSWERABLE, Situation.ABSENT)
        )
        points.append((answered, threshold, unanswerable, absent))
    return points


def lengths(
    found: Sequence[Example], judge: Judge, screen: Judge, embed: Embed, same: tuple[float, float]
) -> list[tuple[float, float, float]]:
    """What adding sentences costs and brings: (ratio, sentences of an answer on average, answers that hold the answer)."""
    wanted = [example for example in found if example.situation is Situation.ANSWERABLE]
    prepared: list[tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]] = []
    for example in wanted:
        seen, rows = columns(example, screen)
        texts = [example.texts[row] for row in rows]
        twins = same_statement(texts, [example.passages[row] for row in rows], embed(texts), *same)
        prepared.append((judge.rank.logits(seen), twins, example.holds[rows]))
    points = []
    for ratio in np.arange(0.1, 0.91, 0.05):
        chosen = [(select(logits, twins, float(ratio), 3), holds) for logits, twins, holds in prepared]
        sentences = float(np.mean([len(rows) for rows, _ in chosen]))
        points.append(
            (round(float(ratio), 2), sentences, float(np.mean([holds[rows].any() for rows, holds in chosen])))
        )
    return points


def same_thresholds(found: Sequence[Example], embed: Embed, share: float) -> tuple[float, float]:
    """Cosine and overlap of words that only `share` of the pairs of different sentences in one evidence exceed."""
    cosines, overlaps = [], []
    for example in found[::20]:
        vectors = embed(example.texts)
        above = np.triu_indices(len(vectors), 1)
        cosines.append((vectors @ vectors.T)[above])
        overlaps.append(word_overlap(example.texts)[above])
    return (
        round(float(np.quantile(np.concatenate(cosines), 1 - share)), 3),
        round(float(np.quantile(np.concatenate(overlaps), 1 - share)), 3),
    )


def _first_holds(example: Example, judge: Judge, screen: Judge | None) -> bool:
    seen, rows = columns(example, screen)
    return bool(example.holds[rows[int(np.argmax(judge.rank.logits(seen)))]])
