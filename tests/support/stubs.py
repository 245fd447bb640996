"""The contract without the client library: what a careless or hostile caller can send."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
import pytest

from ragstone import RagstoneError
from ragstone.errors import from_rpc
from ragstone.v1 import admin_service_pb2_grpc, ingest_service_pb2_grpc, query_service_pb2_grpc
from tests.served import Served


@dataclass(frozen=True)
class Stubs:
    """One channel's stubs."""

    channel: grpc.Channel
    query: query_service_pb2_grpc.QueryServiceStub
    ingest: ingest_service_pb2_grpc.IngestServiceStub
    admin: admin_service_pb2_grpc.AdminServiceStub


@contextmanager
def stubs(server: Served) -> Iterator[Stubs]:
    """Open a plain channel."""
    with grpc.insecure_channel(server.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield Stubs(
            channel,
            query_service_pb2_grpc.QueryServiceStub(channel),
            ingest_service_pb2_grpc.IngestServiceStub(channel),
            admin_service_pb2_grpc.AdminServiceStub(channel),
        )


def refusal(call: Callable[[], object]) -> RagstoneError:
    """The typed error with which a call of a stub fails."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    return from_rpc(error.value)


def document_name(collection: str, document: str) -> str:
    """A resource name."""
    return f"tenants/default/collections/{collection}/documents/{document}"
