"""Events a second: a topic that is full already, read with the bare client library, and by Ragstone into its catalog."""

import subprocess
import sys
import time
from collections.abc import Sequence

import psycopg

from scripts.benchmarks.events import PARTITIONS, Event, new_topic
from scripts.benchmarks.process import Measured
from scripts.benchmarks.production import GROUP, Production

Figures = dict[str, float]
LOOK_S = 0.05
PATIENCE_S = 900


def measure_rate(production: Production, database: str, name: str, events: Sequence[Event]) -> dict[str, Figures]:
    """The same topic, both ways."""
    topic = new_topic(production.kafka.bootstrap, name, events)
    bare = _bare(production, topic, len(events))
    with production.serving(database.rpartition("/")[2], database, topic) as server:
        return {"bare": bare, "ragstone": _applied(production, server, database, topic, len(events))}


def _bare(production: Production, topic: str, events: int) -> Figures:
    command = (sys.executable, "-m", "scripts.benchmarks.kafka_reader", production.kafka.bootstrap, topic, str(events))
    broker = production.kafka.cpu_seconds()
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True)
    seconds, cpu = (float(each) for each in done.stdout.split())
    return {
        "events_per_s": events / seconds,
        "cpu_us_per_event": cpu / events * 1e6,
        "broker_cpu_us_per_event": (production.kafka.cpu_seconds() - broker) / events * 1e6,
    }


def _applied(production: Production, server: Measured, database: str, topic: str, events: int) -> Figures:
    """From the moment when all partitions are held until the catalog has the last event."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(database, autocommit=True) as connection:

        def wait(column: str, wanted: int) -> int:
            while True:
                row = connection.execute(
                    f"SELECT coalesce(sum({column}), 0) FROM source WHERE starts_with(name, %s)",  # noqa: S608 - ours
                    (f"kafka/{GROUP}/{topic}/",),
                ).fetchone()
                assert row is not None
                if row[0] >= wanted:
                    return int(row[0])
                if time.monotonic() > deadline:
                    sys.exit(f"only {row[0]} of {wanted} events of {topic} were applied")
                time.sleep(LOOK_S)

        wait("1", PARTITIONS)
        before = wait("next", 0)
        began, waited, cpus = time.perf_counter(), server.waited_s(), _cpus(production, server)
        wait("next", events)
        seconds = time.perf_counter() - began
        waited = server.waited_s() - waited
        spent = [after - at_first for after, at_first in zip(_cpus(production, server), cpus, strict=True)]
    counted = events - before
    ours, broker, theirs = (each / counted * 1e6 for each in spent)
    return {
        "events": counted,
        "events_per_s": counted / seconds,
        "waited_for_core": waited / seconds,
        "cpu_us_per_event": ours,
        "broker_cpu_us_per_event": broker,
        "database_cpu_us_per_event": theirs,
    }


def _cpus(production: Production, server: Measured) -> tuple[float, float, float]:
    return server.cpu_s(), production.kafka.cpu_seconds(), production.postgresql.cpu_seconds()
