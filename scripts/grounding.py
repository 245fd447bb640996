"""How well CheckGrounding tells what passages support: a curve over `grounding.min_score`.

Reads answers that people wrote from a passage (CLAP NQ: `input`, `passages`, `output`). Each sentence is judged against its own
passage (supported), after a change of a number or a negation (not supported), and against the passage of the next question
(not supported). Even lines are for choosing, odd ones for reporting. Starts a server of its own.

Usage: grounding.py clapnq_dev_answerable.jsonl
"""

import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragstone import Client
from ragstone_server.bench.process import ragstone, running

SCORES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
KINDS = ("own", "changed", "other")


def main() -> int:
    """Measure and print Markdown."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    scores: dict[tuple[int, str], list[float]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(prefix="ragstone-grounding-") as data,
        running(*ragstone(Path(data))) as server,
        Client(server.address) as client,
    ):
        for i, row in enumerate(rows):
            answer, passages = _answer(row), [passage["text"] for passage in row["passages"]]
            own = client.check_grounding(answer, passages)
            changed = [change for each in own.sentences if (change := _changed(each.text))]
            scores[i % 2, "own"] += [each.score for each in own.sentences]
            scores[i % 2, "changed"] += _scores(client, changed, passages)
            scores[i % 2, "other"] += _scores(client, [_answer(rows[(i + 1) % len(rows)])], passages)
    for half, name in enumerate(("chosen on", "reported on")):
        counts = ", ".join(f"{len(scores[half, kind])} {kind}" for kind in KINDS)
        print(f"\n{name} {counts} sentences\n\n| min_score | " + " | ".join(KINDS) + " |\n|---|---|---|---|")
        for least in SCORES:
            shares = (sum(score >= least for score in scores[half, kind]) / len(scores[half, kind]) for kind in KINDS)
            print(f"| {least} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    return 0


def _answer(row: dict[str, Any]) -> str:
    return str(row["output"][0]["answer"])


def _scores(client: Client, texts: Sequence[str], passages: Sequence[str]) -> list[float]:
    return [each.score for text in texts for each in client.check_grounding(text, passages).sentences]


def _changed(sentence: str) -> str | None:
    """The sentence with its first number raised by one, or else denied; None where neither is easy."""
    if re.search(r"\d", sentence):
        return re.sub(r"\d+", lambda match: str(int(match[0]) + 1), sentence, count=1)
    denied = re.sub(r"\b(is|was|are|were)\b", r"\1 not", sentence, count=1)
    return None if denied == sentence else denied


if __name__ == "__main__":
    sys.exit(main())
