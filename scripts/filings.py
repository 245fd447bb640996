"""Quarterly reports as PDF: are the right files found, and are the pages right?

Over a folder with `docs/*.pdf` and `qna_data.csv` (columns Question, Source Docs, Question Type, Answer). Starts a server of
its own, ingests the reports, and asks the questions that one chunk answers.

Usage: filings.py FOLDER
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pypdfium2

from ragstone import Client, Passage
from ragstone_server.bench.process import ragstone, running

SINGLE = "Single-Doc Single-Chunk RAG"
FIRST = 5
ENOUGH_WORDS = 12


def main() -> int:
    """Measure and print."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    questions = [row for row in _rows(folder / "qna_data.csv") if row["Question Type"] == SINGLE]
    with tempfile.TemporaryDirectory(prefix="ragstone-filings-") as data, running(*ragstone(Path(data))) as server:
        command = (str(Path(sys.executable).with_name("ragstone")), "ingest", str(folder / "docs"), "--json")
        done = subprocess.run((*command, "--server", server.address), check=False, capture_output=True, text=True)
        with Client(server.address) as client:
            found = cited = answered = 0
            passages: list[Passage] = []
            for row in questions:
                first = client.retrieve(row["Question"], top_k=FIRST)
                passages += first
                found += _any(row["Source Docs"], [passage.document for passage in first])
                answer = client.ask(row["Question"], top_k=FIRST)
                answered += answer.abstention is None
                cited += _any(row["Source Docs"], [citation.document for citation in answer.citations])
    right, checked = _pages(folder, passages)
    report = {
        "ingest": {key: value for key, value in json.loads(done.stdout).items() if key != "failures"},
        "questions": len(questions),
        "right_file_among_first_five": found / len(questions),
        "answered": answered / len(questions),
        "right_file_cited_of_answered": cited / max(1, answered),
        "pages_right": right / max(1, checked),
        "pages_checked": checked,
    }
    print(json.dumps(report, indent=2))
    return 0


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _any(pattern: str, documents: Sequence[str]) -> bool:
    return any(fnmatch(Path(document).stem, pattern) for document in documents)


def _pages(folder: Path, passages: Sequence[Passage]) -> tuple[int, int]:
    """How many passages begin on the page that they name: most of their first words stand there, read by pdfium."""
    right = checked = 0
    for passage in {p.chunk: p for p in passages}.values():
        words = passage.text.replace("|", " ").replace("#", " ").split()[:ENOUGH_WORDS]
        if passage.page is None or len(words) < ENOUGH_WORDS:
            continue
        with pypdfium2.PdfDocument(folder / "docs" / Path(passage.document).name) as document:
            there = set(document[passage.page - 1].get_textpage().get_text_bounded().split())
        checked += 1
        right += sum(word in there for word in words) >= ENOUGH_WORDS * 0.7
    return right, checked


if __name__ == "__main__":
    sys.exit(main())
