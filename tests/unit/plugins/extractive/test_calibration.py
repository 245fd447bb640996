import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ragstone_plugins.extractive.calibration.data import load_squad
from ragstone_plugins.extractive.calibration.examples import Situation, examples
from ragstone_plugins.extractive.calibration.fit import auc, fit_logistic
from ragstone_plugins.extractive.calibration.learn import split
from ragstone_plugins.extractive.features import FEATURES, LEXICAL
from ragstone_plugins.extractive.plugin import ragstone_generators
from ragstone_plugins.extractive.probes import PAIRS
from ragstone_plugins.extractive.scoring import calibration


def test_the_regression_finds_the_weights_that_made_the_data() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(20_000, 2)) * (1.0, 5.0) + (0.0, 3.0)
    odds = features @ np.array([2.0, -0.5]) + 1.0
    labels = (random.random(20_000) < 1 / (1 + np.exp(-odds))).astype(float)
    weights, intercept = fit_logistic(features, labels, np.ones(20_000))
    assert weights == pytest.approx([2.0, -0.5], abs=0.1)
    assert intercept == pytest.approx(1.0, abs=0.15)


def test_area_under_the_curve() -> None:
    assert auc(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])) == 1.0
    assert auc(np.array([0.5, 0.5]), np.array([0, 1])) == 0.5


def squad(folder: Path) -> Path:
    articles = [
        {
            "title": f"Harbour_{number}",
            "paragraphs": [
                {
                    "context": f"The harbour of Nordvik{number} was opened in 19{number}1. It has piers.",
                    "qas": [
                        {
                            "question": f"When was Nordvik{number} opened?",
                            "is_impossible": False,
                            "answers": [{"text": f"19{number}1", "answer_start": 0}],
                        },
                        {"question": f"When was Nordvik{number} closed?", "is_impossible": True, "answers": []},
                    ],
                }
            ],
        }
        for number in range(8)
    ]
    path = folder / "squad.json"
    path.write_text(json.dumps({"data": articles}), encoding="utf-8")
    return path


def no_model(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.full((len(texts), 4), 0.5, dtype=np.float32)


def test_every_question_is_seen_with_and_without_its_paragraph(tmp_path: Path) -> None:
    found = list(examples(load_squad(squad(tmp_path)), no_model))
    counted = {situation: sum(example.situation is situation for example in found) for situation in Situation}
    assert counted == {"answerable": 8, "unanswerable": 8, "absent": 8, "missed": 0}
    for example in found:
        assert example.holds.any() == (example.situation is Situation.ANSWERABLE)
        assert example.lexical.shape == (len(example.texts), len(LEXICAL))


def test_no_article_lies_in_two_parts(tmp_path: Path) -> None:
    found = list(examples(load_squad(squad(tmp_path)), no_model))
    parts = split(found, seed=1)
    groups = [{example.group for example in part} for part in (parts.fit, parts.choose, parts.report)]
    assert [len(group) for group in groups] == [4, 2, 2]
    assert len(set.union(*groups)) == 8
    assert split(found, seed=1).fit == parts.fit


def test_the_committed_weights_fit_the_code() -> None:
    learned = calibration()
    for judge in (learned.dense, learned.lexical):
        assert {*judge.rank.weights, *judge.answers.weights} <= set(FEATURES)
    assert not set(learned.lexical.rank.weights) - set(LEXICAL)
    assert tuple(probe.texts for probe in learned.probes) == PAIRS


def test_offers_one_generator() -> None:
    assert [provider.name for provider in ragstone_generators()] == ["extractive"]
