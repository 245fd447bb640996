"""Kills, freezes, cuts and named instants, against the real servers and under load: nothing is lost, twice, or stuck."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from tests.faults.cluster import recovery, verdict
from tests.faults.cluster.cluster import Cluster, running
from tests.faults.cluster.diagnosis import explained
from tests.faults.cluster.faults import Fault, inflict, plan
from tests.faults.cluster.load import Load
from tests.faults.cluster.recovery import Recovery
from tests.services.keeper import Keeper

SEED: Final = int(os.environ.get("RAGSTONE_FAULT_SEED", "0"))
NODES: Final[Mapping[str, Sequence[str]]] = {
    "one": ("query", "ingest", "consume", "index"),
    "two": ("query", "ingest", "consume", "index"),
}
SHORT: Final = (
    Fault(kind="ragstone-kill", node="one"),
    Fault(kind="broker-cut", seconds=0.5),
    Fault(kind="postgresql-kill", seconds=0.5),
    Fault(kind="kafka-kill", seconds=0.2),
    Fault(kind="ragstone-outlive", node="two", seconds=10),
)
ROUNDS: Final = 10
FAULTS: Final = 18
"""A round; the other files have the rest of the 200."""


def suffer(keeper: Keeper, seed: int, faults: Sequence[Fault]) -> list[Recovery]:
    """Inflict the faults under load, and look at the end."""
    print(f"seed {seed}: {len(faults)} faults")
    recoveries = []
    with running(lambda: Cluster(keeper, NODES)) as cluster:
        with explained(cluster):
            load = Load(cluster, seed)
            load.begin()
            try:
                for number, fault in enumerate(faults):
                    said = inflict(fault, cluster)
                    each = recovery.measured(fault.kind, cluster, load)
                    recoveries.append(each)
                    print(f"  {number + 1:3} {str(fault) + ' ' + said:<60} {each}", flush=True)
            finally:
                cluster.heal()
                load.end()
            truth = verdict.check(cluster, load)
        print(f"  {load.count} events, {len(load.acknowledged)} calls, {len(truth.living)} documents live")
    return recoveries


def test_p1_p2_servers_and_processes_fail_under_load_and_nothing_is_lost(keeper: Keeper) -> None:
    print(recovery.table(suffer(keeper, SEED, SHORT)))


@pytest.mark.faults
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_p1_p2_many_faults_from_a_seed(keeper: Keeper, round_: int) -> None:
    seed = SEED * 1000 + round_
    print(recovery.table(suffer(keeper, seed, plan(seed, FAULTS, NODES))))
