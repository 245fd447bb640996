"""`make bench-kafka`: documents by Kafka into a catalog in PostgreSQL, beside bare clients and the embedder alone, in one run.

Usage: bench_kafka.py [--texts FILE] [--documents N] [--only PART ...] [--json FILE]
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.benchmarks.event_rates import measure_rate
from scripts.benchmarks.events import Event, pieces
from scripts.benchmarks.production import Production, production

HERE = Path(__file__).parent.parent
EMBEDDED = 400
"""Documents that the embedder sees: more would only take longer."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, help="a text to cut into documents; left out, the handbook and docs/")
    parser.add_argument("--documents", type=int, default=10_000, help="documents of the rates without embedding")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), help="parts to measure")
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()
    texts = _texts(arguments.texts)
    report: dict[str, Any] = {"texts": len(texts)}
    with production() as services:
        for part in arguments.only:
            report[part] = PARTS[part](services, texts, arguments.documents)
            print(json.dumps({part: report[part]}, indent=2), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2))
    return 0


def _rates(services: Production, texts: list[str], documents: int) -> dict[str, Any]:
    """Without embedding: the first event of each text aside, every vector is known."""
    database = services.database("rates")
    known = [Event(document=f"text-{i}", version=1, text=text) for i, text in enumerate(texts[:EMBEDDED])]

    def all_of(*versions: int) -> list[Event]:
        return [
            Event(document=f"document-{i}", version=version, text=texts[i % len(known)])
            for version in versions
            for i in range(documents)
        ]

    return {
        "first": measure_rate(services, database, "first", known),
        "new documents, vectors known": measure_rate(services, database, "known", all_of(1)),
        "the same version again": measure_rate(services, database, "same", all_of(1, 1)),
        "a new version, content unchanged": measure_rate(services, database, "moved", all_of(2, 3)),
    }


PARTS: dict[str, Callable[[Production, list[str], int], Any]] = {"rates": _rates}


def _texts(file: Path | None) -> list[str]:
    files = [file] if file is not None else sorted([*HERE.glob("handbook/documents/*.md"), *HERE.glob("docs/**/*.md")])
    return pieces(each.read_text("utf-8") for each in files)


if __name__ == "__main__":
    sys.exit(main())
