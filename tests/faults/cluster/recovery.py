"""How long it takes after a fault until events are applied and questions answered again."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ragstone import RagstoneError
from tests.faults.cluster.authors import word
from tests.faults.cluster.cluster import NOTES, Cluster
from tests.faults.cluster.load import PROBE, Load
from tests.faults.cluster.node import Node
from tests.faults.cluster.truth import Place
from tests.faults.cluster.waiting import until


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Seconds from the end of a fault."""

    kind: str
    answered: float
    """Until each query server answers."""
    applied: float
    """Until the catalog has a new event of every partition, and so everything before it."""
    searchable: float
    """Until each query server finds what these events say."""

    def __str__(self) -> str:
        return f"answered {self.answered:.1f} s, applied {self.applied:.1f} s, searchable {self.searchable:.1f} s"


def measured(kind: str, cluster: Cluster, load: Load) -> Recovery:
    """Wait until everything is well again."""
    began = time.monotonic()
    servers = cluster.having("query")
    until(f"every query server answers after {kind}", lambda: all(_answers(node) for node in servers))
    answered = time.monotonic() - began
    version, probes = load.probe()
    until(
        f"the events at {probes} are applied after {kind}",
        lambda: all(cluster.applied().get(place, 0) > offset for place, offset in probes.items()),
    )
    applied = time.monotonic() - began
    for node in servers:
        until(f"{node.name} finds the new events after {kind}", lambda node=node: _finds(node, version, list(probes)))  # type: ignore[misc]
    return Recovery(kind=kind, answered=answered, applied=applied, searchable=time.monotonic() - began)


def table(recoveries: Iterable[Recovery]) -> str:
    """Median and greatest, by kind."""
    kinds = defaultdict(list)
    for each in recoveries:
        kinds[each.kind].append(each)
    lines = [
        f"{'seconds after':<20} {'times':>5}  {'answered':>13} {'applied':>13} {'searchable':>13}   (median, most)"
    ]
    for kind, found in sorted(kinds.items()):
        columns = [
            f"{_median(values):6.1f} {max(values):6.1f}"
            for values in ([e.answered for e in found], [e.applied for e in found], [e.searchable for e in found])
        ]
        lines.append(f"{kind:<20} {len(found):>5}  {' '.join(columns)}")
    return "\n".join(lines)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _answers(node: Node) -> bool:
    if not node.alive():
        return False
    try:
        with node.client() as client:
            client.retrieve("bell", timeout=3)
    except RagstoneError:
        return False
    return True


def _finds(node: Node, version: int, places: list[Place]) -> bool:
    try:
        with node.client() as client:
            for topic, partition in places:
                collection = NOTES if topic == NOTES else "default"
                document = f"{PROBE}{topic}{partition}"
                hits = client.retrieve(word((collection, document)), collection=collection, timeout=3)
                if (document, version) not in {(hit.document, hit.metadata.get("n")) for hit in hits}:
                    return False
    except RagstoneError:
        return False
    return True
