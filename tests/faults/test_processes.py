"""Two processes that read events and two that answer, on one catalog: each is killed in turn under load."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pytest

from ragstone import DeadlineExceeded
from tests.faults.cluster import recovery, verdict
from tests.faults.cluster.cluster import Cluster, running
from tests.faults.cluster.diagnosis import explained
from tests.faults.cluster.load import Load
from tests.faults.cluster.node import Node
from tests.faults.cluster.waiting import until
from tests.faults.suffering import Note, Tell
from tests.faults.test_servers import SEED
from tests.services.keeper import Keeper

NODES: Final[Mapping[str, Sequence[str]]] = {
    "reader-1": ("consume",),
    "reader-2": ("consume",),
    "answerer-1": ("query",),
    "answerer-2": ("query",),
    "writer": ("ingest",),
}
VIEWS: Final = {"vectors", "words"}


@pytest.fixture(scope="module")
def cluster(keeper: Keeper) -> Iterator[Cluster]:
    with running(lambda: Cluster(keeper, NODES)) as cluster:
        yield cluster


def test_p1_p2_readers_and_answerers_are_killed_in_turn_under_load(cluster: Cluster, tell: Tell, note: Note) -> None:
    load = Load(cluster, SEED)
    tell(f"seed {SEED}")
    with explained(cluster):
        load.begin()
        try:
            for name in ("reader-1", "answerer-1", "reader-2", "answerer-2"):
                cluster.nodes[name].kill()
                note(recovery.measured(f"kill of {name}", cluster, load))
                for node in cluster.having("query"):
                    _follows_the_newest_write(node, load.watermark)
        finally:
            load.end()
        for node in cluster.having("query"):
            _follows_the_newest_write(node, load.watermark)
            _shows_its_own_views(node)
        verdict.check(cluster, load)


def test_a_query_waits_for_its_watermark_and_says_so_where_there_is_no_time(cluster: Cluster) -> None:
    with explained(cluster), cluster.nodes["writer"].client() as writer:
        cluster.database_line.slow(delay_s=0.1)
        try:
            for node in cluster.having("query"):
                written = writer.upsert_document(f"for-{node.name}", text=f"The bell {node.name} rings at last.")
                with node.client() as client:
                    with pytest.raises(DeadlineExceeded):
                        client.retrieve("bell", min_watermark=written.watermark, timeout=0.2)
                    hits = client.retrieve(f"bell {node.name}", min_watermark=written.watermark, timeout=30)
                assert hits.watermark >= written.watermark
                assert hits[0].document == f"for-{node.name}"
        finally:
            cluster.database_line.mend()


def _follows_the_newest_write(node: Node, watermark: str) -> None:
    """It has it, or says what is missing; it never passes over it in silence."""

    def asked() -> bool:
        with node.client() as client:
            hits = client.retrieve("bell rings", min_watermark=watermark, timeout=30)
            assert hits.watermark >= watermark or hits.degraded, f"{node.name} is at {hits.watermark}, not {watermark}"
            return not hits.degraded

    until(f"{node.name} reaches {watermark}", asked)


def _shows_its_own_views(node: Node) -> None:
    until(f"{node.name} has followed", lambda: verdict.behind(node) == [])
    with node.client() as client:
        views = client.admin.status().views
        assert {view.view for view in views} == VIEWS
        assert len(views) == len(VIEWS) * len(verdict.COLLECTIONS)
        assert all(view.position == view.head > 0 for view in views)
