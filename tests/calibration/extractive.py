"""Calibrates the generator `extractive`: fits, chooses, reports, and writes `weights.json`.

    python tests/calibration/extractive.py --model MODEL_DIRECTORY --squad dev-v2.0.json [--clapnq DIRECTORY] [--write]

MODEL_DIRECTORY is one that `ragstone models pull` made; the sets are SQuAD 2 in its official JSON and the two files of CLAPNQ.
The method and the figures are in `docs/decisions/0010-extractive-abstention.md`. The same inputs give the same file.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.extractive.calibration.data import load_clapnq, load_squad
from ragstone_plugins.extractive.calibration.examples import Embed, Example, examples
from ragstone_plugins.extractive.calibration.learn import MEAN_SENTENCES, learn_judge, split
from ragstone_plugins.extractive.calibration.measure import curve, figures, lengths, same_thresholds
from ragstone_plugins.extractive.probes import PAIRS
from ragstone_plugins.extractive.scoring import Calibration, Judge, Probe
from ragstone_plugins.onnx.model import OnnxModel

SEED = 7
SAME_SHARE = 0.001
"""Share of the pairs of different sentences that may pass for the same statement."""
OUTPUT = Path(__file__).parents[2] / "plugins" / "ragstone_plugins" / "extractive" / "weights.json"


def remembering(model: OnnxModel) -> Embed:
    """Embeds each text once."""
    known: dict[str, NDArray[np.float32]] = {}

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        with ThreadPoolExecutor(2) as pool:
            known.update(zip(new, pool.map(lambda text: model.embed([text])[0], new), strict=True))
        return np.array([known[text] for text in texts], dtype=np.float32)

    return embed


def show(name: str, found: Sequence[Example], judge: Judge, screen: Judge | None) -> None:
    values = figures(found, judge, screen)
    print(f"{name:>8}", "  ".join(f"{key}={value:.3f}".replace(".000", "") for key, value in values.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--squad", type=Path, required=True)
    parser.add_argument("--clapnq", type=Path)
    parser.add_argument("--write", action="store_true", help="replace the committed weights")
    arguments = parser.parse_args()

    embed = remembering(OnnxModel.open(arguments.model))
    parts = split(examples(load_squad(arguments.squad), embed), SEED)
    same = same_thresholds(parts.fit, embed, SAME_SHARE)
    lexical = learn_judge(parts)
    dense = learn_judge(parts, lexical)
    sets = {"fit": parts.fit, "choose": parts.choose, "report": parts.report}
    if arguments.clapnq:
        names = (arguments.clapnq / f"clapnq_dev_{half}.jsonl" for half in ("answerable", "unanswerable"))
        sets["clapnq"] = tuple(examples(load_clapnq(*names), embed))
    for title, judge, screen in (("dense", dense, lexical), ("lexical", lexical, None)):
        print(f"{title}: threshold {judge.threshold}")
        for name, found in sets.items():
            show(name, found, judge, screen)
        print("  curve on the part `report`: answered, threshold, abstained where unanswerable, where absent")
        for point in curve(parts.report, judge, screen):
            print("  ", "  ".join(f"{value:.3f}" for value in point))
    print("length on the part `choose`: ratio, sentences on average, answers that hold the accepted one")
    points = lengths(parts.choose, dense, lexical, embed, same)
    for length in points:
        print("  ", "  ".join(f"{value:.3f}" for value in length))
    ratio = min(ratio for ratio, sentences, _ in points if sentences <= MEAN_SENTENCES)
    vectors = embed([text for pair in PAIRS for text in pair])
    cosines = np.sum(vectors[0::2] * vectors[1::2], axis=1)
    learned = Calibration(
        dense=dense,
        lexical=lexical,
        ratio=ratio,
        same=same[0],
        same_words=same[1],
        probes=tuple(
            Probe(texts=pair, cosine=round(float(cosine), 3)) for pair, cosine in zip(PAIRS, cosines, strict=True)
        ),
    )
    print(f"ratio {ratio}, same statement from cosine {same[0]} or overlap {same[1]}")
    if arguments.write:
        OUTPUT.write_text(learned.model_dump_json(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
