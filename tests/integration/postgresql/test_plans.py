"""How the database finds what a transaction writes to, in a large collection of which it has no statistics yet."""

from collections.abc import Iterator
from typing import Any

import psycopg

from ragstone_plugins.postgresql.writing import Gathered, Put
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, content, fields
from tests.integration.postgresql.conftest import OpenStore

DOCUMENTS = 5000
WRITTEN = 50
BY_ITS_ID = ("Index Scan", "document_collection_id_key")


async def test_no_write_reads_the_other_documents(catalog_url: str, open_store: OpenStore) -> None:
    """Otherwise each transaction would cost as much as the collection is large."""
    async with open_store(catalog_url) as store:
        collection = (await store.create_collection(NAME, SETTINGS, NOW)).key
    gathered = Gathered(collection, b"key")
    for number in range(2 * WRITTEN):
        new = content(f"text {number}") if number % 2 else None
        document = DocumentId(f"document-{number}")
        gathered.puts.append(Put(document, 2, fields(), new, Position(number + 1), 0))
    statements = list(gathered.taken(Position(2 * WRITTEN)))
    async with await psycopg.AsyncConnection.connect(catalog_url, autocommit=True) as connection:
        await _fill(connection, collection)
        found = []
        for statement, parameters in statements:
            cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters, binary=False)  # type: ignore[arg-type]
            row = await cursor.fetchone()
            found += [] if row is None else list(_scans(row[0][0]["Plan"]))
    assert len(found) >= 5
    assert set(found) == {BY_ITS_ID}


async def _fill(connection: psycopg.AsyncConnection, collection: CollectionKey) -> None:
    await connection.execute("ALTER TABLE document SET (autovacuum_enabled = false)")
    await connection.execute(
        "INSERT INTO document (collection, id, version, uri, mime_type, attributes, position, created, updated) "
        "SELECT %s, 'document-' || i, 1, '', '', '', i, 0, 0 FROM generate_series(0, %s) i",
        (collection, DOCUMENTS),
    )


def _scans(plan: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """How the table of documents is read."""
    if plan.get("Relation Name") == "document" and plan["Node Type"] != "ModifyTable":
        yield plan["Node Type"], plan.get("Index Name")
    for child in plan.get("Plans", []):
        yield from _scans(child)
