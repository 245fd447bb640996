"""`make bench-kafka`: documents by Kafka into a catalog in PostgreSQL, beside bare clients and the embedder alone, in one run.

Usage: bench_kafka.py [--texts FILE] [--documents N] [--only PART ...] [--json FILE]
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.benchmarks import kafka_report
from scripts.benchmarks.catalogs import measure_catalogs
from scripts.benchmarks.embedding_rate import measure_embedding
from scripts.benchmarks.event_rates import measure_rate
from scripts.benchmarks.events import Event, new_topic, pieces
from scripts.benchmarks.production import Production, production
from scripts.benchmarks.searchable import measure_delays

HERE = Path(__file__).parent.parent
KNOWN = 100
"""Texts of the documents whose vectors are known."""
EMBEDDING_ROUNDS = 2
DELAYS_S = 30


def main() -> int:
    """Measure and print; it takes about ten minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, help="a text to cut into documents; left out, the handbook and docs/")
    parser.add_argument("--documents", type=int, default=10_000, help="documents of the rates without embedding")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), help="parts to measure")
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()
    # While a topic is made its leaders are looked for, which is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    texts = _texts(arguments.texts)
    report: dict[str, Any] = {"cpus": os.cpu_count(), "texts": len(texts)}
    with production() as services:
        for part in arguments.only:
            report[part] = PARTS[part](services, texts, arguments.documents)
            print(kafka_report.PARTS[part].text(report[part]), f"Load: {os.getloadavg()[0]:.1f}.\n", flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2))
    return 0


def _rates(services: Production, texts: list[str], documents: int) -> dict[str, Any]:
    """Without embedding: when they are measured, the vectors of all texts are known."""
    database = services.database("rates")
    known = [Event(document=f"text-{i}", version=1, text=text) for i, text in enumerate(texts[:KNOWN])]
    measure_rate(services, database, "first", known)

    def of(*versions: int) -> list[Event]:
        return [
            Event(document=f"document-{i}", version=version, text=known[i % len(known)].text)
            for version in versions
            for i in range(documents)
        ]

    return {
        "new documents, vectors known": measure_rate(services, database, "known", of(1)),
        "the same version again": measure_rate(services, database, "same", of(1, 1)),
        "a new version, content unchanged": measure_rate(services, database, "moved", of(2, 3)),
    }


def _embedding(services: Production, texts: list[str], _: int) -> Any:
    return measure_embedding(services, texts, EMBEDDING_ROUNDS)


def _delays(services: Production, texts: list[str], _: int) -> dict[str, Any]:
    """One process with all roles; and one that consumes beside one that answers."""

    def measure(topic: str, address: str) -> dict[str, float]:
        return asyncio.run(measure_delays(services.kafka.bootstrap, topic, address, texts, DELAYS_S))

    measured = {}
    topic = new_topic(services.kafka.bootstrap, "all-roles")
    with services.serving("all-roles", services.database("all_roles"), topic) as server:
        measured["one process"] = measure(topic, server.address)
    topic, database = new_topic(services.kafka.bootstrap, "two-roles"), services.database("two_roles")
    with (
        services.serving("consume", database, topic, server__roles='["consume"]'),
        services.serving("query", database, topic, server__roles='["query", "index"]') as server,
    ):
        measured["one consumes, one answers"] = measure(topic, server.address)
    return measured


def _queries(services: Production, texts: list[str], _: int) -> Any:
    return measure_catalogs(services, texts)


PARTS: dict[str, Callable[[Production, list[str], int], Any]] = {
    "rates": _rates,
    "embedding": _embedding,
    "delays": _delays,
    "queries": _queries,
}


def _texts(file: Path | None) -> list[str]:
    files = [file] if file is not None else sorted([*HERE.glob("handbook/documents/*.md"), *HERE.glob("docs/**/*.md")])
    return pieces(each.read_text("utf-8") for each in files)


if __name__ == "__main__":
    sys.exit(main())
