"""What the servicers call."""

from dataclasses import dataclass
from pathlib import Path

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.pipelines.grounding import CheckGrounding
from ragstone_server.pipelines.ingest import IngestDocument
from ragstone_server.pipelines.query import AnswerQuestion
from ragstone_server.pipelines.retrieve import Retrieve
from ragstone_server.registry.registry import Registry
from ragstone_server.routing.route import Routes
from ragstone_server.spi.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The open server behind its doors."""

    catalog: Catalog
    indexes: Indexes
    ingest: IngestDocument
    retrieve: Retrieve
    answer: AnswerQuestion
    check_grounding: CheckGrounding
    registry: Registry
    routes: Routes
    clock: Clock
    data_dir: Path
