"""`make bench-kafka`: documents by Kafka into PostgreSQL, beside the bare client library, in one run.

Usage: bench_kafka.py [--events N] [--documents N]
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pydantic import SecretStr

from ragstone_plugins.postgresql.migrate import migrate
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from scripts.benchmarks.consuming import TOPIC, Applying, bare_rate, delays, event
from tests.served import Served
from tests.services import topics
from tests.services.kafka import Kafka
from tests.services.keeper import Keeper
from tests.services.postgresql import PostgreSQL

PARTITIONS = 4
DELAYS = 40
PER_SECOND = 20.0


def text(number: int) -> str:
    """Of a document."""
    return f"Ferry number {number} leaves the harbour at {number % 24} o'clock and carries {number % 97} cars."


def main() -> int:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events of each measurement without embedding")
    parser.add_argument("--documents", type=int, default=2_000, help="documents that they are about")
    arguments = parser.parse_args()
    count, documents = arguments.events, arguments.documents
    with ExitStack() as stack:
        keeper = stack.enter_context(Keeper())
        database = stack.enter_context(PostgreSQL(keeper.place("postgresql")))
        broker = stack.enter_context(Kafka(keeper.place("kafka")))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        topics.create(broker.bootstrap, TOPIC, PARTITIONS, {})
        asyncio.run(migrate(PostgresqlConfig(url=SecretStr(database.url))))
        settings = {
            "RAGSTONE__CATALOG__USE": "postgresql",
            "RAGSTONE__CATALOG__URL": database.url,
            "RAGSTONE__KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "RAGSTONE__KAFKA__TOPICS": json.dumps([TOPIC]),
        }
        server = stack.enter_context(Served(folder / "data", folder=folder, **settings))
        client = stack.enter_context(server.client())
        applying = Applying(broker.bootstrap, database.url, server.pid)

        def found(word: str) -> bool:
            return any(word in passage.text for passage in client.retrieve(word, top_k=3))

        report = {
            "embedded": applying([event(f"d{i}", 1, text(i)) for i in range(documents)]),
            "identical": applying([event(f"d{i % documents}", 1, text(i % documents)) for i in range(count)]),
            "new version, same content": applying(
                [event(f"d{i % documents}", 2 + i // documents, text(i % documents)) for i in range(count)]
            ),
            "new documents, vectors known": applying(
                [event(f"copy{i}", 1, text(i % documents)) for i in range(count // 10)]
            ),
        }
        waited = delays(broker.bootstrap, found, DELAYS, PER_SECOND)
        bare = bare_rate(broker.bootstrap, 2 * count)
    seconds = {"p50": statistics.median(waited), "p95": waited[int(0.95 * len(waited))]}
    json.dump(
        {"cpus": os.cpu_count(), **report, "bare_events_per_s": bare, "searchable_after_s": seconds},
        sys.stdout,
        indent=1,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
