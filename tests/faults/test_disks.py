"""A full disk under load, of PostgreSQL and of a query server: when there is room again, everything goes on."""

import time
from collections.abc import Callable

import pytest

from tests.faults.cluster import recovery, verdict
from tests.faults.cluster.cluster import Cluster, running
from tests.faults.cluster.diagnosis import explained
from tests.faults.cluster.disk import Disk, disk
from tests.faults.cluster.load import Load
from tests.faults.cluster.node import Node
from tests.faults.suffering import NODES, Note
from tests.faults.test_servers import SEED
from tests.services.keeper import Keeper

FULL_S = 8.0


@pytest.mark.faults
def test_p1_postgresql_without_space_holds_up_and_loses_nothing(keeper: Keeper, note: Note) -> None:
    with disk(keeper.place("disk")) as full:
        cluster = Cluster(keeper, NODES)
        cluster.postgresql.data = full.folder / "data"
        _survive(cluster, full, note, lambda load: None)


@pytest.mark.faults
def test_p1_p10_a_query_server_without_space_says_so_and_follows_again(keeper: Keeper, note: Note) -> None:
    with disk(keeper.place("disk")) as full:
        cluster = Cluster(keeper, NODES)
        node = cluster.nodes["two"]
        node.data = full.folder / "data"
        _survive(cluster, full, note, lambda load: _reaches_or_declares(node, load))


def _survive(cluster: Cluster, full: Disk, note: Note, look: Callable[[Load], None]) -> None:
    """Fill the disk under load, look, and make room."""
    with running(lambda: cluster), explained(cluster):
        load = Load(cluster, SEED)
        load.begin()
        try:
            recovery.measured("start", cluster, load)
            full.fill()
            time.sleep(FULL_S)
            look(load)
            full.empty()
            assert "No space left on device" in cluster.postgresql.log() + cluster.nodes["two"].log()
            # Where its log has no space PostgreSQL gives up, and its supervisor starts it again.
            cluster.postgresql.heal()
            note(recovery.measured("full disk", cluster, load))
        finally:
            full.empty()
            cluster.heal()
            load.end()
        verdict.check(cluster, load)
        cluster.postgresql.stop()


def _reaches_or_declares(node: Node, load: Load) -> None:
    with node.client() as client:
        hits = client.retrieve("bell", min_watermark=load.watermark, timeout=30)
    assert hits.watermark >= load.watermark or hits.degraded
