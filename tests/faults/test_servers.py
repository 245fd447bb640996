"""Kills, freezes, cuts and named instants, against the real servers and under load: nothing is lost, twice, or stuck."""

import os
from typing import Final

import pytest

from ragstone_server.spi.failpoints import FailPoint
from tests.faults.cluster.faults import POINTS, Fault, plan
from tests.faults.suffering import NODES, Note, Tell, suffer
from tests.services.keeper import Keeper

SEED: Final = int(os.environ.get("RAGSTONE_FAULT_SEED", "0"))
SHORT: Final = (
    Fault(kind="ragstone-point", node="one", point=FailPoint.KAFKA_AFTER_COMMIT, passing=2),
    Fault(kind="broker-cut", seconds=0.5),
    Fault(kind="postgresql-kill", seconds=0.5),
    Fault(kind="kafka-kill", seconds=0.2),
    Fault(kind="ragstone-outlive", node="two", seconds=10),
)
ROUNDS: Final = 10
FAULTS: Final = 19
"""A round; with the named instants, the long freeze and the full disks there are 205."""


def test_p1_p2_servers_and_processes_fail_under_load_and_nothing_is_lost(
    keeper: Keeper, tell: Tell, note: Note
) -> None:
    suffer(keeper, SEED, SHORT, tell, note)


@pytest.mark.faults
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_p1_p2_many_faults_from_a_seed(keeper: Keeper, tell: Tell, note: Note, round_: int) -> None:
    seed = SEED * 1000 + round_
    suffer(keeper, seed, plan(seed, FAULTS, NODES), tell, note)


@pytest.mark.faults
@pytest.mark.parametrize("role", POINTS)
def test_p1_p2_a_kill_at_every_named_instant_of_a_role(keeper: Keeper, tell: Tell, note: Note, role: str) -> None:
    faults = [Fault(kind="ragstone-point", node="one", point=point) for point in POINTS[role]]
    assert suffer(keeper, SEED, faults, tell, note) == []


@pytest.mark.faults
def test_p2_a_reader_that_was_frozen_for_long_writes_nothing_old(keeper: Keeper, tell: Tell, note: Note) -> None:
    suffer(keeper, SEED, [Fault(kind="ragstone-outlive", node="two", seconds=90)], tell, note)
