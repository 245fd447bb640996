"""What is done to the servers and the processes, chosen from a seed."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ragstone_server.spi.failpoints import FailPoint
from tests.faults.cluster.cluster import Cluster
from tests.faults.cluster.node import Node

_REACHED_S: Final = 20.0
"""Longest wait for a named instant, which may never come."""
NOT_REACHED: Final = "not reached"

POINTS: Final[Mapping[str, Sequence[FailPoint]]] = {
    "consume": (
        FailPoint.CATALOG_BEFORE_COMMIT,
        FailPoint.CATALOG_AFTER_COMMIT,
        FailPoint.KAFKA_AFTER_CLAIM,
        FailPoint.KAFKA_AFTER_COMMIT,
        FailPoint.KAFKA_BEFORE_GROUP_COMMIT,
        FailPoint.KAFKA_BEFORE_LETTERS_NOTED,
    ),
    "ingest": (FailPoint.INGEST_BEFORE_ACKNOWLEDGEMENT,),
    "query": (
        FailPoint.VECTORS_BEFORE_SEGMENT,
        FailPoint.VECTORS_AFTER_MANIFEST,
        FailPoint.LEXICAL_BEFORE_COMMIT,
        FailPoint.LEXICAL_AFTER_COMMIT,
        FailPoint.LEXICAL_AFTER_POSITION,
    ),
}
"""By the role whose work passes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. It is over when `inflict` returns, and what it hit goes on by itself."""

    kind: str
    node: str = ""
    seconds: float = 0.0
    point: FailPoint | None = None
    passing: int = 1

    def __str__(self) -> str:
        what = f"{self.point}@{self.passing}" if self.point else f"{self.seconds:.1f} s"
        return f"{self.kind} {self.node} {what}".replace("  ", " ")


def plan(seed: int, count: int, roles: Mapping[str, Sequence[str]]) -> list[Fault]:
    """So many faults for processes of these names and roles; the same for the same seed."""
    chance = random.Random(f"{seed}-faults")
    kinds = [kind for kind, (weight, _) in _KINDS.items() for _ in range(weight)]
    faults = []
    for _ in range(count):
        kind = chance.choice(kinds)
        node = chance.choice(sorted(roles)) if kind.startswith("ragstone") else ""
        points = [point for role in sorted(roles[node]) for point in POINTS.get(role, ())] if node else []
        seconds = 10.0 if kind == "ragstone-outlive" else chance.choice((0.2, 0.7, 1.5, 3.0))
        point, passing = chance.choice(points) if points else None, chance.randint(1, 3)
        armed = kind == "ragstone-point"
        faults.append(
            Fault(
                kind=kind, node=node, seconds=seconds, point=point if armed else None, passing=passing if armed else 1
            )
        )
    return faults


def inflict(fault: Fault, cluster: Cluster) -> str:
    """Do it; what there is to say of it. Servers are started again, processes of Ragstone are left to their supervisor."""
    _, work = _KINDS[fault.kind]
    return work(fault, cluster)


def _kill_node(fault: Fault, cluster: Cluster) -> str:
    cluster.nodes[fault.node].kill()
    return ""


def _freeze_node(fault: Fault, cluster: Cluster) -> str:
    node = cluster.nodes[fault.node]
    node.freeze()
    time.sleep(fault.seconds)
    node.resume()
    return ""


def _kill_at_point(fault: Fault, cluster: Cluster) -> str:
    """Let it be started again so that it ends at the named instant, if that comes."""
    node: Node = cluster.nodes[fault.node]
    assert fault.point is not None
    node.arm(fault.point, fault.passing)
    node.kill()
    deadline = time.monotonic() + _REACHED_S
    while node.armed:
        if time.monotonic() > deadline:
            node.kill()
            return NOT_REACHED
        time.sleep(0.02)
    return ""


def _kill_kafka(fault: Fault, cluster: Cluster) -> str:
    cluster.kafka.kill()
    time.sleep(fault.seconds)
    cluster.kafka.start()
    return ""


def _freeze_kafka(fault: Fault, cluster: Cluster) -> str:
    cluster.kafka.freeze()
    time.sleep(fault.seconds)
    cluster.kafka.resume()
    return ""


def _kill_postgresql(fault: Fault, cluster: Cluster) -> str:
    cluster.postgresql.kill()
    time.sleep(fault.seconds)
    cluster.postgresql.start()
    return ""


def _freeze_postgresql(fault: Fault, cluster: Cluster) -> str:
    cluster.postgresql.freeze()
    time.sleep(fault.seconds)
    cluster.postgresql.resume()
    return ""


def _line(which: str, what: str) -> Callable[[Fault, Cluster], str]:
    def work(fault: Fault, cluster: Cluster) -> str:
        line = cluster.database_line if which == "database" else cluster.broker_line
        match what:
            case "cut":
                line.cut()
            case "slow":
                line.slow(delay_s=0.05, bytes_per_s=200_000)
            case _:
                line.freeze()
        time.sleep(fault.seconds)
        line.mend()
        return ""

    return work


_KINDS: Final[Mapping[str, tuple[int, Callable[[Fault, Cluster], str]]]] = {
    "ragstone-kill": (5, _kill_node),
    "ragstone-freeze": (2, _freeze_node),
    "ragstone-outlive": (1, _freeze_node),
    "ragstone-point": (6, _kill_at_point),
    "kafka-kill": (2, _kill_kafka),
    "kafka-freeze": (1, _freeze_kafka),
    "postgresql-kill": (2, _kill_postgresql),
    "postgresql-freeze": (1, _freeze_postgresql),
    "database-cut": (2, _line("database", "cut")),
    "database-slow": (1, _line("database", "slow")),
    "database-freeze": (1, _line("database", "freeze")),
    "broker-cut": (2, _line("broker", "cut")),
    "broker-slow": (1, _line("broker", "slow")),
    "broker-freeze": (1, _line("broker", "freeze")),
}
"""With their weights. `ragstone-outlive`: frozen longer than its session with the group lasts."""
