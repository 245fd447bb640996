"""The calibrated judgement: which sentence answers best, and whether it answers at all."""

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ragstone_plugins.extractive.features import COSINE, LEXICAL
from ragstone_server.spi.provider import Settings

Array = NDArray[np.float64]

EMBEDDED = 10
"""Sentences of the evidence that are embedded for a question: at 10 the answer is among them in 96 of 100 cases."""


class Linear(Settings):
    """A logistic regression."""

    weights: dict[str, float] = Field(description="By feature; features that are not named do not count.")
    intercept: float = Field(description="Constant term.")

    def logits(self, columns: dict[str, Array]) -> Array:
        """Log-odds (n,) from features by name, (n,) each."""
        terms = [columns[name] * weight for name, weight in self.weights.items()]
        return np.asarray(np.sum(terms, axis=0) + self.intercept, dtype=np.float64)


class Judge(Settings):
    """Ranks sentences and decides over the best one."""

    rank: Linear = Field(description="Whether a sentence holds the answer.")
    answers: Linear = Field(description="Whether the evidence answers at all, from the best sentence.")
    threshold: float = Field(description="Probability from which it does.", gt=0, lt=1)

    def confidence(self, columns: dict[str, Array], best: int) -> float:
        """Probability that the evidence answers, its best sentence being row `best`."""
        return float(1 / (1 + np.exp(-self.answers.logits(summary(columns, best))[0])))


class Probe(Settings):
    """Two texts by whose cosine the embedder of the calibration is known."""

    texts: tuple[str, str] = Field(description="What is embedded.")
    cosine: float = Field(description="What that embedder gave.")


class Calibration(Settings):
    """What the calibration learned; `weights.json`."""

    dense: Judge = Field(description="With the cosine of question and sentence; for the embedder of the calibration.")
    lexical: Judge = Field(
        description="Without it; chooses what is embedded, and judges alone with any other embedder."
    )
    ratio: float = Field(description="Share of the best sentence's probability that a further one needs.", gt=0, lt=1)
    same: float = Field(description="Cosine from which two sentences count as the same statement.", gt=0, lt=1)
    same_words: float = Field(description="Share of words in common (Jaccard) from which they do.", gt=0, lt=1)
    probes: tuple[Probe, ...] = Field(description="To tell the embedder of the calibration.")


def columns_of(lexical: Array, cosine: Array | None = None) -> dict[str, Array]:
    """Features by name from the rows of `describe` and, where there are any, the cosines (n,)."""
    columns = {name: lexical[:, index] for index, name in enumerate(LEXICAL)}
    return columns if cosine is None else columns | {COSINE: cosine}


def shortlist(judge: Judge, lexical: Array) -> NDArray[np.intp]:
    """Rows of `describe` that are worth embedding, best first, by a judge that needs no vectors."""
    return np.argsort(-judge.rank.logits(columns_of(lexical)), kind="stable")[:EMBEDDED]


def summary(columns: dict[str, Array], best: int) -> dict[str, Array]:
    """Features (1,) of the evidence as a whole: those of its best sentence, and the greatest cosine of all.

    A question that is near to no sentence is off the topic, however well its words fit.
    """
    row = {name: values[[best]] for name, values in columns.items()}
    return row | {name: values.max(keepdims=True) for name, values in columns.items() if name == COSINE}


@cache
def calibration() -> Calibration:
    """The committed one."""
    text = (resources.files("ragstone_plugins.extractive") / "weights.json").read_text(encoding="utf-8")
    return Calibration.model_validate_json(text)
