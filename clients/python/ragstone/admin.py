"""Collections, prompts, dead letters, plugins and the state of the server: the messages of the contract, with typed errors."""

from collections.abc import Iterator
from typing import Any

import grpc

from ragstone.channel import deadline
from ragstone.dead_letters import DeadLetters
from ragstone.errors import from_rpc
from ragstone.generations import Generations
from ragstone.operations import Operation, operation_from
from ragstone.prompts import Prompts
from ragstone.requests import collection_name
from ragstone.session import Session
from ragstone.snapshots import Snapshots
from ragstone.v1 import admin_service_pb2, admin_service_pb2_grpc

TENANT = "tenants/default"


class Admin:
    """Calls of AdminService."""

    def __init__(
        self,
        stub: admin_service_pb2_grpc.AdminServiceStub,
        metadata: tuple[tuple[str, str], ...],
        session: Session,
    ) -> None:
        self._stub = stub
        self._metadata = metadata
        self._session = session
        self.prompts = Prompts(stub, self._call)
        """Prompt templates of the collections."""
        self.dead_letters = DeadLetters(stub, self._call)
        """Events that could not be applied."""
        self.generations = Generations(stub, self._call)
        """Generations of the collections' indexes."""
        self.snapshots = Snapshots(stub, self._call)
        """Copies of the catalog."""

    def create_collection(self, collection: str, **settings: Any) -> admin_service_pb2.Collection:
        """Create a collection; settings are fields of `Collection`."""
        wire = admin_service_pb2.Collection(name=collection_name(collection), **settings)
        request = admin_service_pb2.CreateCollectionRequest(collection=wire)
        response: admin_service_pb2.CreateCollectionResponse = self._call(self._stub.CreateCollection, request)
        return response.collection

    def get_collection(self, collection: str) -> admin_service_pb2.Collection:
        """Read a collection."""
        request = admin_service_pb2.GetCollectionRequest(name=collection_name(collection))
        response: admin_service_pb2.GetCollectionResponse = self._call(self._stub.GetCollection, request)
        return response.collection

    def collections(self) -> Iterator[admin_service_pb2.Collection]:
        """All collections, page by page."""
        request = admin_service_pb2.ListCollectionsRequest(parent=TENANT)
        while True:
            response: admin_service_pb2.ListCollectionsResponse = self._call(self._stub.ListCollections, request)
            yield from response.collections
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def update_collection(self, collection: str, **settings: Any) -> admin_service_pb2.Collection:
        """Change the given settings of a collection."""
        request = admin_service_pb2.UpdateCollectionRequest(
            collection=admin_service_pb2.Collection(name=collection_name(collection), **settings)
        )
        request.update_mask.paths.extend(settings)
        response: admin_service_pb2.UpdateCollectionResponse = self._call(self._stub.UpdateCollection, request)
        return response.collection

    def delete_collection(self, collection: str, *, force: bool = False) -> None:
        """Delete a collection; with `force` also one that holds documents."""
        request = admin_service_pb2.DeleteCollectionRequest(name=collection_name(collection), force=force)
        self._call(self._stub.DeleteCollection, request)
        self._session.forget(request.name)

    def plugins(self) -> list[admin_service_pb2.Plugin]:
        """The plugins that the server has."""
        response: admin_service_pb2.ListPluginsResponse = self._call(
            self._stub.ListPlugins, admin_service_pb2.ListPluginsRequest()
        )
        return list(response.plugins)

    def status(self, *, timeout: float | None = None) -> admin_service_pb2.GetStatusResponse:
        """The state of the server."""
        response: admin_service_pb2.GetStatusResponse = self._call(
            self._stub.GetStatus, admin_service_pb2.GetStatusRequest(), timeout
        )
        return response

    def verify(self, *collections: str, repair: bool = False) -> Operation:
        """Begin to compare the views of the server with its catalog, of these collections or of all.

        With `repair` a view with a finding is built anew. Returns when that is begun; `client.operations.wait` gives the end, whose
        `result()` is a `VerifyResponse`.
        """
        request = admin_service_pb2.VerifyRequest(collections=map(collection_name, collections), repair=repair)
        return operation_from(self._call(self._stub.Verify, request))

    def _call(self, method: Any, request: Any, timeout: float | None = None, name: str = "Admin") -> Any:
        """`name`: the method's, where it has a deadline of its own."""
        try:
            return method(request, timeout=deadline(name, timeout), metadata=self._metadata)
        except grpc.RpcError as error:
            raise from_rpc(error) from error
