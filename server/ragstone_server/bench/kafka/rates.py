"""Events a second: a topic that is full already, read with the bare client library, and by Ragstone into its catalog."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ragstone import Client
from ragstone_server.bench.kafka import reader
from ragstone_server.bench.kafka.events import Event
from ragstone_server.bench.kafka.services import Services
from ragstone_server.bench.kafka.topics import PARTITIONS, new_topic
from ragstone_server.bench.process import module

LOOK_S: Final = 0.1
PATIENCE_S: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Of the same topic, both ways."""

    events: int
    """Those that were applied while the clock ran."""
    events_per_s: float
    waited_for_core: float
    """Share of the time in which the server's event loop could have run, and others had all cores."""
    server_cpu_us: float
    """Of processor time an event."""
    bare_events_per_s: float
    bare_cpu_us: float

    @property
    def seconds(self) -> float:
        """That it took."""
        return self.events / self.events_per_s


def measure_rate(services: Services, database: str, name: str, events: Sequence[Event]) -> Rate:
    """From the moment when all partitions are held until the catalog has the last event."""
    topic = new_topic(services, name, events)
    bare_s, bare_cpu_s = _bare(services.bootstrap, topic, len(events))
    with services.serving(database.rpartition("/")[2], database, topic) as server, Client(server.address) as client:
        before = _wait(client, topic, 0)
        began, waited, cpu = time.perf_counter(), server.waited_s(), server.cpu_s()
        _wait(client, topic, len(events))
        seconds, waited, cpu = time.perf_counter() - began, server.waited_s() - waited, server.cpu_s() - cpu
    counted = len(events) - before
    return Rate(
        events=counted,
        events_per_s=counted / seconds,
        waited_for_core=waited / seconds,
        server_cpu_us=cpu / counted * 1e6,
        bare_events_per_s=len(events) / bare_s,
        bare_cpu_us=bare_cpu_s / len(events) * 1e6,
    )


def _bare(bootstrap: str, topic: str, events: int) -> tuple[float, float]:
    command = (*module(reader), bootstrap, topic, str(events))
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True)
    seconds, cpu = done.stdout.split()
    return float(seconds), float(cpu)


def _wait(client: Client, topic: str, wanted: int) -> int:
    """Until all partitions are held, and so many of their events are in the catalog; how many are."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        known = [each.position for each in client.admin.status().sources if f"/{topic}/" in each.name]
        applied = [position for position in known if position is not None]
        if len(applied) == PARTITIONS and sum(applied) >= wanted:
            return sum(applied)
        time.sleep(LOOK_S)
    sys.exit(f"fewer than {wanted} events of {topic} were applied within {PATIENCE_S} s")
