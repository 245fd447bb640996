"""`make bench`: ingest, retrieval, start-up and memory, each beside a floor from the same run.

Usage: bench.py --corpus BEIR_FOLDER [--documents N] [--json]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from ragstone import NewDocument
from ragstone_server.bench.process import ragstone, running
from scripts.benchmarks.ingestion import measure_ingest
from scripts.benchmarks.retrieval import measure_retrieval

COLLECTION = "bench"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder in BEIR layout: corpus.jsonl, queries.jsonl")
    parser.add_argument("--documents", type=int, default=100_000, help="most documents to take of it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    documents = [
        NewDocument(document=row["_id"], title=row["title"], text=row["text"], collection=COLLECTION)
        for row in _rows(arguments.corpus / "corpus.jsonl")
    ][: arguments.documents]
    questions = [row["text"] for row in _rows(arguments.corpus / "queries.jsonl")]
    with tempfile.TemporaryDirectory(prefix="ragstone-bench-") as data:
        report = _measure(Path(data), documents, questions)
    print(json.dumps(report) if arguments.json else json.dumps(report, indent=2))
    return 0


def _measure(data: Path, documents: list[NewDocument], questions: list[str]) -> dict[str, Any]:
    report: dict[str, Any] = {"import_s": _import_s()}
    with running(*ragstone(data)) as server:
        report["start_s_first"], report["resident_mb_empty"] = server.start_s, server.resident_mb()
        report["ingest"] = measure_ingest(server, documents, COLLECTION)
        report["retrieval"] = measure_retrieval(server, COLLECTION, questions)
        report["resident_mb_full"] = server.resident_mb()
    with running(*ragstone(data)) as server:
        report["start_s_full"] = server.start_s
    return report


def _import_s() -> float:
    """Seconds to import what `ragstone serve` imports before it opens anything."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run((sys.executable, "-c", "import ragstone_server.app.serve"), check=True)
        times.append(time.perf_counter() - began)
    return median(times)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    sys.exit(main())
