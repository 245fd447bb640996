"""What tests of the catalog share."""

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.writes import WriteReceipt
from ragstone_server.spi.catalog_store import CollectionRecord, DocumentFields, NewContent
from ragstone_server.spi.generations import Recipe, StageChoice
from ragstone_server.spi.names import DocumentId

RECIPE = Recipe(embedder=StageChoice(use="e", config="{}"), chunker=StageChoice(use="c", config="{}"))


async def upserted(
    catalog: Catalog,
    collection: CollectionRecord,
    document: DocumentId,
    version: int | None,
    fields: DocumentFields,
    content: NewContent,
) -> WriteReceipt:
    """Write a new version."""
    receipt = await catalog.commit(catalog.writes.upsert(collection, document, version, fields, content, RECIPE))
    assert receipt is not None
    return receipt
