"""AdminService: convert, call, convert."""

from dataclasses import replace
from importlib.metadata import version as distribution_version
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from ragstone.v1 import admin_service_pb2, admin_service_pb2_grpc
from ragstone_server.pipelines.dead_letters import DeadLetters
from ragstone_server.pipelines.verify import VerifyRequest
from ragstone_server.spi.catalog_store import CollectionRecord, every_collection
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.kinds import KINDS
from ragstone_server.spi.names import CollectionName, parse_tenant
from ragstone_server.transport.convert.deployments import deployment_to
from ragstone_server.transport.convert.documents import collection_to, settings_from
from ragstone_server.transport.convert.paging import after_token, next_token
from ragstone_server.transport.convert.sources import source_to
from ragstone_server.transport.grpc.backend import Backend
from ragstone_server.transport.grpc.dead_letter_methods import DeadLetterMethods
from ragstone_server.transport.grpc.generation_methods import GenerationMethods
from ragstone_server.transport.grpc.operations_service import operation_to
from ragstone_server.transport.grpc.prompt_methods import PromptMethods
from ragstone_server.transport.grpc.settings import GrpcSettings
from ragstone_server.transport.grpc.snapshot_methods import SnapshotMethods

Context = aio.ServicerContext[Any, Any]
PAGE = 100
CHANGEABLE = ("description", "default_readers")


class AdminServicer(
    PromptMethods,
    DeadLetterMethods,
    GenerationMethods,
    SnapshotMethods,
    admin_service_pb2_grpc.AdminServiceServicer,
):
    """Collections, prompt templates, dead letters, plugins and the state of the server."""

    def __init__(self, backend: Backend, settings: GrpcSettings) -> None:
        self._backend = backend
        self._store = backend.catalog.store
        self._prompts = backend.catalog.prompts
        self._letters = DeadLetters(backend.catalog.store.sources, backend.replay)
        self._most_message_bytes = settings.max_message_bytes
        self._began = backend.clock.monotonic()

    async def CreateCollection(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.CreateCollectionRequest, context: Context
    ) -> admin_service_pb2.CreateCollectionResponse:
        """Create a collection."""
        name = CollectionName.parse(request.collection.name)
        record = await self._store.create_collection(name, settings_from(request.collection), self._backend.clock.now())
        return admin_service_pb2.CreateCollectionResponse(collection=await self._collection(record))

    async def GetCollection(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.GetCollectionRequest, context: Context
    ) -> admin_service_pb2.GetCollectionResponse:
        """Read a collection."""
        record = await self._store.collection(CollectionName.parse(request.name))
        return admin_service_pb2.GetCollectionResponse(collection=await self._collection(record))

    async def ListCollections(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.ListCollectionsRequest, context: Context
    ) -> admin_service_pb2.ListCollectionsResponse:
        """List the collections of a tenant."""
        tenant = parse_tenant(request.parent)
        limit = request.page_size or PAGE
        records = await self._store.collections(tenant, after_token(request.page_token), limit + 1)
        return admin_service_pb2.ListCollectionsResponse(
            collections=[await self._collection(record) for record in records[:limit]],
            next_page_token=next_token(str(records[limit - 1].name)) if len(records) > limit else "",
        )

    async def UpdateCollection(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.UpdateCollectionRequest, context: Context
    ) -> admin_service_pb2.UpdateCollectionResponse:
        """Change a collection."""
        sent = [path for path in CHANGEABLE if getattr(request.collection, path)]
        paths = list(request.update_mask.paths) or sent
        unknown = [path for path in paths if path not in CHANGEABLE]
        if unknown:
            what = f"{', '.join(unknown)} cannot be changed; these can: {', '.join(CHANGEABLE)}"
            raise InvalidRequest.of_field("update_mask", what)
        if "default_readers" in paths and not request.collection.default_readers:
            # Unset means the tenant where a collection is made; here it would open a closed one unasked.
            what = "name the readers that documents without readers get"
            raise InvalidRequest.of_field("collection.default_readers", what)
        record = await self._store.collection(CollectionName.parse(request.collection.name))
        wanted = settings_from(request.collection)
        settings = replace(record.settings, **{path: getattr(wanted, path) for path in paths})
        record = await self._store.update_collection(record.key, settings, self._backend.clock.now())
        return admin_service_pb2.UpdateCollectionResponse(collection=await self._collection(record))

    async def DeleteCollection(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.DeleteCollectionRequest, context: Context
    ) -> admin_service_pb2.DeleteCollectionResponse:
        """Delete a collection."""
        record = await self._store.collection(CollectionName.parse(request.name))
        await self._store.delete_collection(record.key, force=request.force)
        await self._backend.indexes.drop(record.key)
        return admin_service_pb2.DeleteCollectionResponse()

    async def ListPlugins(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.ListPluginsRequest, context: Context
    ) -> admin_service_pb2.ListPluginsResponse:
        """List the plugins that are installed."""
        registry = self._backend.registry
        selected = [registry.selected(kind) for kind in KINDS]
        rows = [
            admin_service_pb2.Plugin(
                kind=offer.kind.name,
                name=offer.provider.name,
                summary=offer.provider.summary,
                distribution=offer.distribution.name,
                version=offer.distribution.version,
                selected=offer in selected,
            )
            for offer in registry.offers
        ]
        rows += [
            admin_service_pb2.Plugin(
                name=plugin.entry_point,
                distribution=plugin.distribution.name,
                version=plugin.distribution.version,
                error=plugin.error,
            )
            for plugin in registry.offers.broken
        ]
        return admin_service_pb2.ListPluginsResponse(plugins=sorted(rows, key=lambda row: (row.kind, row.name)))

    async def GetStatus(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.GetStatusRequest, context: Context
    ) -> admin_service_pb2.GetStatusResponse:
        """Tell the state of the server."""
        positions, failures = self._backend.indexes.positions(), self._backend.indexes.failures()
        uptime = Duration()
        uptime.FromNanoseconds(int((self._backend.clock.monotonic() - self._began) * 1e9))
        response = admin_service_pb2.GetStatusResponse(
            version=distribution_version("ragstone-server"),
            uptime=uptime,
            documents_in_flight=self._backend.ingest.admission.documents,
            deployments=[deployment_to(each.health()) for each in self._backend.routes.deployments()],
            sources=[source_to(each) for each in self._backend.source_status()],
            dead_letter_count=await self._store.sources.dead_letter_count(),
        )
        async for record in every_collection(self._store):
            response.collection_count += 1
            response.document_count += await self._store.document_count(record.key)
            response.views.extend(
                admin_service_pb2.ViewStatus(
                    collection=str(record.name),
                    view=view,
                    position=position,
                    head=record.head,
                    failure=failures.get(record.key, {}).get(view, ""),
                )
                for view, position in positions.get(record.key, {}).items()
            )
        return response

    async def Verify(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.VerifyRequest, context: Context
    ) -> operations_pb2.Operation:
        """Begin to compare the views with the catalog."""
        names = tuple(dict.fromkeys(CollectionName.parse(each) for each in request.collections))
        asked = await self._backend.verify.asked(VerifyRequest(collections=names, repair=request.repair))
        return operation_to(await self._backend.operations.begin(asked))

    async def _collection(self, record: CollectionRecord) -> admin_service_pb2.Collection:
        documents = await self._store.document_count(record.key)
        return collection_to(record, documents, self._backend.catalog.watermark(record, record.head))
