"""What the servicers call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.operations.desk import Operations
from ragstone_server.pipelines.compare_generations import CompareGenerations
from ragstone_server.pipelines.create_snapshot import CreateSnapshot
from ragstone_server.pipelines.dead_letters import Replay
from ragstone_server.pipelines.generations import Generations
from ragstone_server.pipelines.grounding import CheckGrounding
from ragstone_server.pipelines.ingest import IngestDocument
from ragstone_server.pipelines.purge import PurgeDocuments
from ragstone_server.pipelines.query import AnswerQuestion
from ragstone_server.pipelines.recording import Retriever
from ragstone_server.pipelines.reindex import Reindex
from ragstone_server.pipelines.restore_snapshot import RestoreSnapshot
from ragstone_server.pipelines.snapshots import Snapshots
from ragstone_server.pipelines.verify import VerifyViews
from ragstone_server.registry.registry import Registry
from ragstone_server.routing.route import Routes
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.sources import SourceStatus


def no_sources() -> Sequence[SourceStatus]:
    """What a server says that reads no source of documents."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The open server behind its doors."""

    catalog: Catalog
    indexes: Indexes
    ingest: IngestDocument
    retrieve: Retriever
    answer: AnswerQuestion
    check_grounding: CheckGrounding
    registry: Registry
    routes: Routes
    clock: Clock
    data_dir: Path
    operations: Operations
    purge: PurgeDocuments
    verify: VerifyViews
    reindex: Reindex
    generations: Generations
    compare_generations: CompareGenerations
    snapshots: Snapshots
    create_snapshot: CreateSnapshot
    restore_snapshot: RestoreSnapshot
    replay: Replay
    """Applies the event of a dead letter again."""
    source_status: Callable[[], Sequence[SourceStatus]] = no_sources
    """How the sources do that this process reads at present."""
