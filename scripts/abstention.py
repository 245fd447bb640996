"""What is answered, refused and rightly cited, through a running server, and how policy moves it: docs/benchmarks.md.

Reads SQuAD 2 (`dev-v2.0.json`) or CLAP NQ (`clapnq_dev_answerable.jsonl` and `clapnq_dev_unanswerable.jsonl` of one folder). All
passages go into one collection; each question is asked of all of it. Even articles, or lines, are for choosing, odd ones for
reporting. Starts a server of its own.

Usage: abstention.py PATH [--generator extractive|qwen|smollm2] [--questions N of each kind and half] [--confidence 0.3 0.4 ...]
"""

import argparse
import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ragstone import Answer, Client, RagstoneError
from ragstone_server.bench.process import ragstone, running
from scripts.local_model import MODELS, serving, settings_for

HALVES = ("chosen on", "reported on")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SEED = 7


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and what its answer says."""

    text: str
    gold: tuple[str, ...]
    """Any of them is the answer; empty: the passages do not have it."""
    half: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question."""

    question: Question
    answered: bool
    right: bool
    """The text has a gold string."""
    citations: int
    citing: int
    """Of those, the ones whose passage has a gold string."""
    share: float
    """Of the answer's sentences, those that are supported."""


def main() -> int:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--generator", choices=("extractive", *MODELS), default="extractive")
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--confidence", type=float, nargs="*", default=[], help="of the extractive generator")
    arguments = parser.parse_args()
    passages, questions = _clapnq(arguments.path) if arguments.path.is_dir() else _squad2(arguments.path)
    sample = _sample(questions, arguments.questions)
    with contextlib.ExitStack() as stack:
        settings = {}
        if arguments.generator in MODELS:
            settings = settings_for(arguments.generator, stack.enter_context(serving(arguments.generator)))
            settings["RAGSTONE__ANSWER__MAX_OUTPUT_TOKENS"] = "96"
            settings["RAGSTONE__ANSWER__NEIGHBOURS"] = "0"
        stack.enter_context(patch.dict("os.environ", settings))
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ragstone-abstention-")))
        server = stack.enter_context(running(*ragstone(data / "data")))
        client = stack.enter_context(Client(server.address))
        _ingest(data, passages, server.address)
        for confidence in arguments.confidence or (None,):
            options = {} if confidence is None else {"generator": {"min_confidence": confidence}}
            # Two at once, as many as there are cores; a small model answers one at a time anyway.
            with ThreadPoolExecutor(1 if settings else 2) as pool:
                outcomes = list(pool.map(lambda question: _ask(client, question, options), sample))  # noqa: B023
            _print(
                outcomes,
                arguments.generator if confidence is None else f"{arguments.generator}, confidence {confidence}",
            )
    return 0


def _squad2(path: Path) -> tuple[list[tuple[str, str]], list[Question]]:
    passages, questions = [], []
    for i, article in enumerate(json.loads(path.read_text())["data"]):
        for paragraph in article["paragraphs"]:
            passages.append((article["title"].replace("_", " "), paragraph["context"]))
            for each in paragraph["qas"]:
                gold = () if each["is_impossible"] else tuple({answer["text"] for answer in each["answers"]})
                questions.append(Question(each["question"], gold, i % 2))
    return passages, questions


def _clapnq(folder: Path) -> tuple[list[tuple[str, str]], list[Question]]:
    """Its gold strings are the sentences from which people wrote the answer."""
    passages, questions = [], []
    for name in ("answerable", "unanswerable"):
        for i, line in enumerate((folder / f"clapnq_dev_{name}.jsonl").read_text().splitlines()):
            row: dict[str, Any] = json.loads(line)
            passages += [(passage["title"], passage["text"]) for passage in row["passages"]]
            gold = tuple(row["output"][0]["selected_sentences"]) if name == "answerable" else ()
            questions.append(Question(row["input"], gold, i % 2))
    return passages, questions


def _sample(questions: Sequence[Question], size: int) -> list[Question]:
    """So many of each kind and half."""
    dice = random.Random(SEED)  # noqa: S311 - a sample, no secret
    kinds = [
        [each for each in questions if each.half == half and bool(each.gold) is kind]
        for half in (0, 1)
        for kind in (True, False)
    ]
    return [question for kind in kinds for question in dice.sample(kind, min(size, len(kind)))]


def _ingest(folder: Path, passages: Sequence[tuple[str, str]], address: str) -> None:
    texts = folder / "texts"
    texts.mkdir()
    for i, (title, text) in enumerate(passages):
        (texts / f"{i:05}.md").write_text(f"# {title}\n\n{text}\n")
    ragstone_command = Path(sys.executable).with_name("ragstone")
    subprocess.run((ragstone_command, "ingest", texts, "--server", address), check=True, stdout=subprocess.DEVNULL)


def _ask(client: Client, question: Question, options: dict[str, dict[str, float]]) -> Outcome | None:
    """None where no answer came: the model failed."""
    try:
        answer = client.ask(question.text, stage_options=options, min_watermark="session", timeout=300)
    except RagstoneError as error:
        print(f"{question.text}: {error}", file=sys.stderr)
        return None
    return _outcome(question, answer)


def _outcome(question: Question, answer: Answer) -> Outcome:
    of = {passage.rank: passage.text for passage in answer.passages}
    cited = [_has_gold(of[citation.number], question) for citation in answer.citations]
    return Outcome(
        question=question,
        answered=answer.abstention is None,
        right=answer.abstention is None and _has_gold(answer.text, question),
        citations=len(cited),
        citing=sum(cited),
        share=answer.grounding.supported_share if answer.grounding else 0.0,
    )


def _has_gold(text: str, question: Question) -> bool:
    """Whether a gold string stands in the text; of a long one, a sentence, half of its words."""
    words = f" {' '.join(_words(text))} "
    return any(_stands(_words(gold), words) for gold in question.gold)


def _stands(gold: Sequence[str], text: str) -> bool:
    if len(gold) <= 6:
        return f" {' '.join(gold)} " in text
    long = {word for word in gold if len(word) > 3}
    return sum(f" {word} " in text for word in long) >= len(long) / 2


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _print(outcomes: Sequence[Outcome | None], name: str) -> None:
    done = [outcome for outcome in outcomes if outcome is not None]
    for half, title in enumerate(HALVES):
        mine = [outcome for outcome in done if outcome.question.half == half]
        answerable = [each for each in mine if each.question.gold]
        other = [each for each in mine if not each.question.gold]
        print(f"\n{name}, {title} {len(answerable)} answerable and {len(other)} unanswerable questions")
        print(
            "\n| min_share | answered with the gold | answered otherwise | answered where there is none | citations with the gold |"
        )
        print("|---|---|---|---|---|")
        for least in SHARES:
            print(f"| {least} | " + " | ".join(_row(answerable, other, least)) + " |", flush=True)


def _row(answerable: Sequence[Outcome], other: Sequence[Outcome], least: float) -> Iterator[str]:
    stand = [each for each in answerable if each.answered and each.share >= least]
    false = [each for each in other if each.answered and each.share >= least]
    right = sum(each.right for each in stand)
    yield _share(right, len(answerable))
    yield _share(len(stand) - right, len(answerable))
    yield _share(len(false), len(other))
    yield _share(sum(each.citing for each in stand), sum(each.citations for each in stand))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


if __name__ == "__main__":
    sys.exit(main())
