"""How far an operation is, in one line for people, by its kind."""

from ragstone import Operation
from ragstone.v1 import ingest_service_pb2


def told(operation: Operation) -> str:
    """Empty where nothing is known of its kind."""
    said = operation.metadata
    if isinstance(said, ingest_service_pb2.PurgeDocumentsMetadata):
        counted = f"{said.deleted} deleted" if said.force else f"{said.matched} matched"
        return f"{counted}, {said.examined} of {said.total} examined"
    return ""
