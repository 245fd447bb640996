"""Documents from Kafka, where it is configured."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from ragstone_server.app.configuration import Configuration
from ragstone_server.app.settings import Role
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.pipelines.ingest import IngestDocument
from ragstone_server.spi.host import Host
from ragstone_server.transport.kafka.references import References

if TYPE_CHECKING:
    from ragstone_server.transport.kafka.reading import Reading


def make_events(
    configuration: Configuration, catalog: Catalog, indexes: Indexes, ingest: IngestDocument, host: Host
) -> ApplyEvents:
    """What applies events; what they refer to is fetched where the settings allow it."""
    kafka = configuration.kafka
    references = References(
        kafka.references if kafka is not None else (),
        configuration.ingest.max_document_bytes,
        kafka.max_bytes_in_flight if kafka is not None else 0,
        host.bulk,
    )
    return ApplyEvents(catalog, indexes, ingest, references)


async def open_kafka(
    configuration: Configuration, events: ApplyEvents, catalog: Catalog, host: Host, stack: AsyncExitStack
) -> "Reading | None":
    """Begin to read; closed with the stack. None where nothing is to be read."""
    settings = configuration.kafka
    if settings is None or Role.CONSUME not in configuration.server.roles:
        return None
    # Its client takes a while to import, and most have no Kafka.
    from ragstone_server.transport.kafka.reading import reading

    return await stack.enter_async_context(
        reading(settings, events, catalog.store.sources, host.clock, host.bulk, events.view_lag)
    )
