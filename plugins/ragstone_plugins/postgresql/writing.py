"""What a transaction writes to a collection, gathered and sent as a few statements over many rows.

Whoever reads within the transaction sends what was gathered first, so the order of statements is that of the promises, not of
the calls: within one sending no document comes twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ragstone_plugins.postgresql.connections import Statement
from ragstone_plugins.postgresql.cuts import OF_ITS_CONTENT, OF_ITS_DOCUMENT, cut_statements, named, some_at_a_time
from ragstone_plugins.postgresql.values import lock_tenant, to_text
from ragstone_server.spi.catalog_rows import name_hash
from ragstone_server.spi.catalog_store import DocumentFields, NewContent
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.text_blocks import cut

PUT, MOVE, DELETE = "put", "move", "delete"

_DOCUMENTS = """
    INSERT INTO document (collection, id, version, uri, mime_type, language, attributes, position, created, updated)
    SELECT %s, w.id, w.version, w.uri, w.mime_type, w.language, w.attributes, w.position, w.now, w.now
    FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
        AS w (id, version, uri, mime_type, language, attributes, position, now)
    ON CONFLICT (collection, id) DO UPDATE SET version = excluded.version, uri = excluded.uri,
        mime_type = excluded.mime_type, language = excluded.language, attributes = excluded.attributes,
        position = excluded.position, updated = excluded.updated
"""
_KEEP = f"""
    UPDATE content c SET version = w.version, title = w.title
    FROM unnest(%(ids)s::text[], %(versions)s::bigint[], %(titles)s::text[]) AS w (id, version, title) {OF_ITS_DOCUMENT}
    WHERE c.document = d.key AND c.superseded IS NULL
"""  # noqa: S608 - a constant
_SUPERSEDE = f"""
    UPDATE content c SET superseded = w.position
    FROM unnest(%(ids)s::text[], %(positions)s::bigint[]) AS w (id, position) {OF_ITS_DOCUMENT}
    WHERE c.document = d.key AND c.superseded IS NULL
"""  # noqa: S608 - a constant
_CONTENTS = f"""
    INSERT INTO content (collection, document, version, title, content_hash, size_bytes, text_bytes, outline)
    SELECT %(collection)s, d.key, w.version, w.title, w.content_hash, w.size_bytes, w.text_bytes, w.outline
    FROM unnest(%(ids)s::text[], %(versions)s::bigint[], %(titles)s::text[], %(hashes)s::bytea[], %(sizes)s::bigint[],
            %(text_bytes)s::bigint[], %(outlines)s::text[])
        AS w (id, version, title, content_hash, size_bytes, text_bytes, outline) {OF_ITS_DOCUMENT}
"""  # noqa: S608 - a constant
_BLOCKS = f"""
    INSERT INTO block SELECT c.key, w.number, w.start, w.data
    FROM unnest(%(ids)s::text[], %(numbers)s::integer[], %(starts)s::bigint[], %(data)s::bytea[])
        AS w (id, number, start, data) {OF_ITS_CONTENT}
"""  # noqa: S608 - a constant
_CHANGES = f"""
    INSERT INTO change SELECT %(collection)s, w.position, d.key, w.kind
    FROM unnest(%(ids)s::text[], %(positions)s::bigint[], %(kinds)s::text[]) AS w (id, position, kind) {OF_ITS_DOCUMENT}
"""  # noqa: S608 - a constant
_FENCES = """
    INSERT INTO fence SELECT %s, w.name_hash, w.version, w.created
    FROM unnest(%s::bytea[], %s::bigint[], %s::bigint[]) AS w (name_hash, version, created)
    ON CONFLICT (collection, name_hash) DO UPDATE SET version = excluded.version, created = excluded.created
"""


@dataclass(frozen=True, slots=True)
class Put:
    """A document's new version."""

    document: DocumentId
    version: int
    fields: DocumentFields
    content: NewContent | None
    position: Position
    now: int


@dataclass(slots=True)
class Gathered:
    """What is to be sent."""

    collection: CollectionKey
    fence_key: bytes
    puts: list[Put] = field(default_factory=list)
    deletions: list[tuple[DocumentId, Position]] = field(default_factory=list)
    fences: list[tuple[DocumentId, int, int]] = field(default_factory=list)
    """(document, version, time)."""
    touched: set[DocumentId] = field(default_factory=set)

    def taken(self, head: Position) -> Iterator[Statement]:
        """The statements for all of it, with the head that the collection has then; what was gathered is forgotten.

        They are made as they are asked for, which is work: texts are compressed.
        """
        yield from self._statements(head)
        for each in (self.puts, self.deletions, self.fences, self.touched):
            each.clear()

    def _statements(self, head: Position) -> Iterator[Statement]:
        if self.puts or self.deletions:
            yield "UPDATE collection SET head = %s WHERE key = %s", (head, self.collection)
        if self.deletions or any(put.content is not None for put in self.puts):
            yield lock_tenant(self.collection, alone=bool(self.deletions))
        if self.puts:
            yield from self._put()
        if self.deletions:
            ids, positions = [list(column) for column in zip(*self.deletions, strict=True)]
            kinds = [DELETE] * len(ids)
            yield _CHANGES, {"collection": self.collection, "ids": ids, "positions": positions, "kinds": kinds}
            yield "DELETE FROM document WHERE collection = %s AND id = ANY(%s)", (self.collection, ids)
        if self.fences:
            fences = {self._hash(document): (version, now) for document, version, now in self.fences}
            versions, times = ([each[i] for each in fences.values()] for i in (0, 1))
            yield _FENCES, (self.collection, list(fences), versions, times)

    def _put(self) -> Iterator[Statement]:
        ids = [put.document for put in self.puts]
        positions = [put.position for put in self.puts]
        yield (
            _DOCUMENTS,
            (
                self.collection,
                ids,
                [put.version for put in self.puts],
                [to_text(put.fields.uri) for put in self.puts],
                [to_text(put.fields.mime_type) for put in self.puts],
                [to_text(put.fields.language) for put in self.puts],
                [put.fields.attributes.key for put in self.puts],
                positions,
                [put.now for put in self.puts],
            ),
        )
        kinds = [MOVE if put.content is None else PUT for put in self.puts]
        yield _CHANGES, {"collection": self.collection, "ids": ids, "positions": positions, "kinds": kinds}
        hashes = [self._hash(document) for document in ids]
        yield "DELETE FROM fence WHERE collection = %s AND name_hash = ANY(%s)", (self.collection, hashes)
        if kept := [put for put in self.puts if put.content is None]:
            yield _KEEP, {"collection": self.collection} | _described(kept)
        if new := [(put, put.content) for put in self.puts if put.content is not None]:
            yield from self._put_contents(new)

    def _put_contents(self, new: Sequence[tuple[Put, NewContent]]) -> Iterator[Statement]:
        described = _described([put for put, _ in new])
        positions = [put.position for put, _ in new]
        yield _SUPERSEDE, {"collection": self.collection, "ids": described["ids"], "positions": positions}
        yield (
            _CONTENTS,
            described
            | {
                "collection": self.collection,
                "hashes": [content.content_hash for _, content in new],
                "sizes": [content.size_bytes for _, content in new],
                "text_bytes": [len(content.text.encode()) for _, content in new],
                "outlines": [to_text(content.outline) for _, content in new],
            },
        )
        blocks = ((put.document, *block) for put, content in new for block in cut(content.text.encode()))
        for rows in some_at_a_time(blocks):
            yield _BLOCKS, named(self.collection, rows, "ids", "numbers", "starts", "data")
        yield from cut_statements(
            self.collection,
            [(put.document, number, cut) for put, content in new for number, cut in content.cuts.items()],
        )

    def _hash(self, document: DocumentId) -> bytes:
        return name_hash(self.fence_key, self.collection, document)


def _described(puts: Sequence[Put]) -> dict[str, Any]:
    return {
        "ids": [put.document for put in puts],
        "versions": [put.version for put in puts],
        "titles": [to_text(put.fields.title) for put in puts],
    }
