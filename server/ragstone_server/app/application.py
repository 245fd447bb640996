"""Everything that answers, open as long as its context."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version as distribution_version

from ragstone_server.app.checking import check
from ragstone_server.app.configuration import Configuration
from ragstone_server.app.consuming import make_events, open_kafka
from ragstone_server.app.data_directory import instance_of, locked
from ragstone_server.app.instruments import instruments_of
from ragstone_server.app.operating import OperationKinds, open_operations
from ragstone_server.app.replaying import replaying
from ragstone_server.app.routes import open_routes
from ragstone_server.app.settings import Role
from ragstone_server.app.snapshotting import open_snapshots
from ragstone_server.app.source_instruments import dead_letter_instrument, event_instrument, source_instruments
from ragstone_server.app.stages import (
    Governor,
    open_context_filter,
    open_generations,
    open_grounding_check,
    open_retrieve_stages,
    open_router,
)
from ragstone_server.catalog.catalog import Catalog
from ragstone_server.indexing.collection_index import IndexKinds
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.observe.metrics import exporting
from ragstone_server.pipelines.compare_generations import CompareGenerations
from ragstone_server.pipelines.cutting import Cutter
from ragstone_server.pipelines.generate import Generate
from ragstone_server.pipelines.generations import FormerGenerations, Generations
from ragstone_server.pipelines.grounded import GenerateGrounded
from ragstone_server.pipelines.grounding import CheckGrounding
from ragstone_server.pipelines.ingest import IngestDocument, IngestStages
from ragstone_server.pipelines.packing import Packer
from ragstone_server.pipelines.prompting import PromptRenderer
from ragstone_server.pipelines.purge import PurgeDocuments
from ragstone_server.pipelines.query import AnswerQuestion
from ragstone_server.pipelines.recording import QuestionRecorder, recorded
from ragstone_server.pipelines.reindex import Reindex
from ragstone_server.pipelines.retrieve import Retrieve
from ragstone_server.pipelines.verify import VerifyViews
from ragstone_server.registry.clock import SystemClock
from ragstone_server.registry.discovery import discover
from ragstone_server.registry.lanes import thread_lane
from ragstone_server.registry.registry import Registry, ServerHost
from ragstone_server.spi.catalog_store import (
    CatalogStore,
    CollectionSettings,
    DefaultReaders,
    VersionScheme,
)
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.errors import CollectionAlreadyExists
from ragstone_server.spi.kinds import CATALOG, LEXICAL_INDEX, PARSER, VECTOR_INDEX
from ragstone_server.spi.names import DEFAULT_COLLECTION, DEFAULT_TENANT, CollectionName
from ragstone_server.transport.convert.filters import parse_filter
from ragstone_server.transport.grpc.backend import Backend, no_sources

DEFAULT_SETTINGS = CollectionSettings(
    description="The collection that exists from the start.",
    default_readers=DefaultReaders.TENANT,
    version_scheme=VersionScheme.NUMBER,
)


@asynccontextmanager
async def application(configuration: Configuration, reopen: Callable[[], None]) -> AsyncIterator[Backend]:
    """Open what the configuration selects; close it in reverse order. Raises `StartError`s.

    `reopen` is called once the context is to be left and entered again, for the catalog to be replaced in between.
    """
    settings = configuration.server
    clock = SystemClock()
    offers = discover()
    check(offers, configuration)
    async with AsyncExitStack() as stack:
        data_dir = stack.enter_context(locked(settings.data_dir))
        host = ServerHost(
            clock=clock,
            data_dir=data_dir,
            models_dir=settings.models_dir,
            interactive=await stack.enter_async_context(thread_lane("interactive", settings.interactive_threads)),
            bulk=await stack.enter_async_context(thread_lane("bulk", settings.bulk_threads)),
            opened={},
        )
        registry = Registry(offers, configuration.selections, host, stack)
        store = await registry.open(CATALOG)
        await _ensure_default_collection(store, clock)
        catalog = Catalog(store, clock)
        generations = await open_generations(registry, configuration)
        kinds = IndexKinds(
            vector=await registry.open(VECTOR_INDEX),
            lexical=await registry.open(LEXICAL_INDEX),
            generations=generations,
        )
        governor = Governor(configuration=configuration, registry=registry, clock=clock)
        routes = await open_routes(configuration, registry, clock)
        retrieve_stages = await open_retrieve_stages(governor)
        context_filter = await open_context_filter(governor)
        dice = random.Random()  # noqa: S311 - weights and jitter, no secrets
        generate = Generate(routes, await open_router(governor), clock, dice, host.interactive)
        instance = instance_of(data_dir)
        indexes = await stack.enter_async_context(
            Indexes(
                kinds,
                store,
                data_dir / "views",
                configuration.indexing,
                clock,
                instance,
                following=Role.QUERY in settings.roles,
            ).running()
        )
        stack.push_async_callback(catalog.drain)
        retrieve = Retrieve(catalog, indexes, retrieve_stages, generations, configuration.retrieval, clock)
        recorder = QuestionRecorder(store.questions, configuration.indexing.recorded_questions, clock)
        asked = recorded(retrieve, await stack.enter_async_context(recorder.running()))
        check_grounding = CheckGrounding(await open_grounding_check(governor), configuration.grounding.min_score)
        packer = Packer(store, generations.configured.embedder.tokenizer, configuration.answer.neighbours)
        ingest_stages = IngestStages(parser=await registry.open(PARSER), generations=generations)
        cut = Cutter(catalog, configuration.ingest.embed_batch)
        ingest = IngestDocument(catalog, indexes, ingest_stages, cut, configuration.ingest, host.bulk)
        events = make_events(configuration, catalog, indexes, ingest, host)
        read = await open_kafka(configuration, events, catalog, host, stack)
        source_status = read.status if read is not None else no_sources
        instruments = (
            *instruments_of(routes),
            *source_instruments(source_status),
            dead_letter_instrument(store.sources.dead_letter_count, asyncio.get_running_loop()),
            *((event_instrument(read.events),) if read is not None else ()),
        )
        purge = PurgeDocuments(catalog, indexes, parse_filter)
        verify = VerifyViews(store, indexes, instance)
        snapshots = await open_snapshots(configuration.snapshots, catalog, data_dir, instance, reopen)
        reindex, switching = Reindex(catalog, indexes, generations, cut), Generations(catalog, indexes)
        operation_kinds = OperationKinds(
            every=(snapshots.create.kind, snapshots.restore.kind),
            ingest=(purge.kind, reindex.kind, switching.kind),
            query=(verify.kind,),
        )
        operations = await open_operations(configuration, catalog, operation_kinds, instance, stack)
        if Role.INGEST in settings.roles:
            hours = configuration.indexing.former_generation_hours
            former = FormerGenerations(catalog, switching, operations.begin, hours)
            await stack.enter_async_context(former.running())
        version = distribution_version("ragstone-server")
        await stack.enter_async_context(exporting(configuration.telemetry, version, instruments))
        yield Backend(
            catalog=catalog,
            indexes=indexes,
            ingest=ingest,
            retrieve=asked,
            answer=AnswerQuestion(
                catalog,
                asked,
                context_filter,
                packer,
                PromptRenderer(configuration.prompt),
                GenerateGrounded(generate, check_grounding, configuration.grounding),
                configuration.answer,
            ),
            check_grounding=check_grounding,
            registry=registry,
            routes=routes,
            clock=clock,
            data_dir=data_dir,
            operations=operations,
            purge=purge,
            verify=verify,
            reindex=reindex,
            generations=switching,
            compare_generations=CompareGenerations(catalog, retrieve, configuration.retrieval.default_top_k),
            snapshots=snapshots.all,
            create_snapshot=snapshots.create,
            restore_snapshot=snapshots.restore,
            replay=replaying(catalog, events),
            source_status=source_status,
        )


async def _ensure_default_collection(store: CatalogStore, clock: Clock) -> None:
    name = CollectionName(tenant=DEFAULT_TENANT, collection=DEFAULT_COLLECTION)
    try:
        await store.create_collection(name, DEFAULT_SETTINGS, clock.now())
    except CollectionAlreadyExists:
        return
