"""Requests as they are sent, encoded once."""

from typing import Final

from ragstone.v1 import query_service_pb2

METHOD: Final = "/ragstone.v1.QueryService/Retrieve"


def request(collection: str, question: str) -> bytes:
    """A question for ten passages."""
    search = query_service_pb2.Search(collection=collection, question=question, top_k=10)
    return query_service_pb2.RetrieveRequest(search=search).SerializeToString()
