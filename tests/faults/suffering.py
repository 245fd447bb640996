"""One run: a cluster under load, its faults, and the verdict."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.faults.cluster import recovery, verdict
from tests.faults.cluster.cluster import Cluster, running
from tests.faults.cluster.diagnosis import explained
from tests.faults.cluster.faults import NOT_REACHED, Fault, inflict
from tests.faults.cluster.load import Load
from tests.faults.cluster.recovery import Recovery
from tests.services.keeper import Keeper

NODES: Final[Mapping[str, Sequence[str]]] = {
    "one": ("query", "ingest", "consume", "index"),
    "two": ("query", "ingest", "consume", "index"),
}
Tell = Callable[[str], None]
Note = Callable[[Recovery], None]


def suffer(keeper: Keeper, seed: int, faults: Sequence[Fault], tell: Tell, note: Note) -> list[Fault]:
    """Inflict the faults under load, and look at the end. Returns those whose instant never came."""
    missed = []
    tell(f"\nseed {seed}: {len(faults)} faults")
    with running(lambda: Cluster(keeper, NODES)) as cluster, explained(cluster):
        load = Load(cluster, seed)
        load.begin()
        try:
            for number, fault in enumerate(faults):
                said = inflict(fault, cluster)
                if said == NOT_REACHED:
                    missed.append(fault)
                each = recovery.measured(fault.kind, cluster, load)
                note(each)
                tell(f"  {number + 1:3} {str(fault) + ' ' + said:<60} {each}")
        finally:
            cluster.heal()
            load.end()
        truth = verdict.check(cluster, load)
    tell(f"  {load.count} events, {len(load.acknowledged)} calls, {len(truth.living)} documents live")
    return missed
