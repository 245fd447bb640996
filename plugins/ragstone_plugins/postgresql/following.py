"""What followers read: the present state of documents that changed, or of all."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ragstone_plugins.postgresql.connections import Database, Transaction
from ragstone_plugins.postgresql.passages import TEXT, texts
from ragstone_server.spi.catalog_rows import Row, from_blob, from_headings
from ragstone_server.spi.catalog_store import GenerationNumber, LogTrimmed
from ragstone_server.spi.change_batches import fitting, gone
from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.host import Lane
from ragstone_server.spi.positions import NO_POSITION, CollectionKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.views import ChangeBatch, DocumentChange, IndexedPassage
from ragstone_server.spi.visibility import Attributes

# A page of the log with the sizes of the present texts. The limit holds before the join.
_LOG = """
    SELECT l.position, l.document, coalesce(c.text_bytes, 0) AS text_bytes
    FROM (SELECT position, document FROM change WHERE collection = %s AND position > %s ORDER BY position LIMIT %s) l
        LEFT JOIN content c ON c.document = l.document AND c.superseded IS NULL
    ORDER BY l.position
"""
_PAGE = """
    SELECT d.key, c.text_bytes FROM document d JOIN content c ON c.document = d.key AND c.superseded IS NULL
    WHERE d.collection = %s AND d.key > %s ORDER BY d.key LIMIT %s
"""
_STATES = """
    SELECT d.key, d.attributes, d.language, c.key AS content, c.title
    FROM document d JOIN content c ON c.document = d.key AND c.superseded IS NULL WHERE d.key = ANY(%s)
"""
_VECTOR = """
    LEFT JOIN space s ON s.tenant = p.tenant AND s.embedder = %(embedder)s
    LEFT JOIN vector v ON v.space = s.key AND v.text_hash = p.text_hash
"""


@dataclass(frozen=True, slots=True)
class _States:
    """Rows of the present states of documents."""

    documents: Sequence[Row] = ()
    passages: Sequence[Row] = ()


async def changes(
    database: Database,
    lane: Lane,
    collection: CollectionKey,
    generation: GenerationNumber,
    after: Position,
    limit: int,
    *,
    texts: bool,
    vectors: str | None,
) -> ChangeBatch:
    """As `CatalogStore.changes`."""
    async with database.snapshot() as transaction:
        heads, log = await transaction.together(
            ("SELECT trimmed FROM collection WHERE key = %s", (collection,)), (_LOG, (collection, after, limit))
        )
        if heads and after < heads[0]["trimmed"]:
            raise LogTrimmed
        sizes = {row["document"]: row["text_bytes"] for row in log}
        log = log[: fitting([sizes.pop(row["document"], 0) for row in log])]
        # Present states, and from its first change on: what a view holds was never superseded before the view's position,
        # so a document does not vanish for queries while it is replaced time and again.
        documents = list(dict.fromkeys(row["document"] for row in reversed(log)))[::-1]
        states = await _states(transaction, documents, generation, texts=texts, vectors=vectors)
    if not log:
        return ChangeBatch(changes=(), position=after)
    present = await lane.run(_changes, states, with_texts=texts)
    return ChangeBatch(
        changes=tuple(present.get(key) or gone(DocumentKey(key)) for key in documents),
        position=Position(log[-1]["position"]),
    )


async def snapshot(
    database: Database,
    lane: Lane,
    collection: CollectionKey,
    generation: GenerationNumber,
    after: DocumentKey,
    limit: int,
    *,
    texts: bool,
    vectors: str | None,
) -> tuple[ChangeBatch, DocumentKey | None]:
    """As `CatalogStore.snapshot`."""
    async with database.snapshot() as transaction:
        heads, rows = await transaction.together(
            ("SELECT head FROM collection WHERE key = %s", (collection,)), (_PAGE, (collection, after, limit + 1))
        )
        count = min(limit, fitting([row["text_bytes"] for row in rows]))
        keys = [row["key"] for row in rows[:count]]
        states = await _states(transaction, keys, generation, texts=texts, vectors=vectors)
    present = await lane.run(_changes, states, with_texts=texts)
    batch = ChangeBatch(
        changes=tuple(present[key] for key in keys), position=Position(heads[0]["head"]) if heads else NO_POSITION
    )
    return batch, DocumentKey(keys[-1]) if count < len(rows) else None


async def _states(
    transaction: Transaction, keys: Sequence[int], generation: GenerationNumber, *, texts: bool, vectors: str | None
) -> _States:
    """Of those that are there."""
    rows = await transaction.run(_STATES, (list(keys),)) if keys else []
    if not rows:
        return _States()
    columns = "p.key, p.content, p.start, p.stop, p.headings"
    columns += ", t.blocks, t.starts" if texts else ""
    columns += ", v.data" if vectors is not None else ", NULL AS data"
    statement = (
        f"SELECT {columns} FROM passage p {TEXT if texts else ''} {_VECTOR if vectors is not None else ''} "  # noqa: S608 - constants
        "WHERE p.content = ANY(%(contents)s) AND p.generation = %(generation)s ORDER BY p.content, p.ordinal"
    )
    contents = [row["content"] for row in rows]
    parameters = {"contents": contents, "generation": generation, "embedder": vectors}
    return _States(rows, await transaction.run(statement, parameters))


def _changes(states: _States, *, with_texts: bool) -> dict[int, DocumentChange]:
    """By the keys of the documents; passages in the order of the text."""
    titles = {row["content"]: row["title"] for row in states.documents}
    read = [text for _, text in texts(states.passages)] if with_texts else [""] * len(states.passages)
    passages: defaultdict[int, list[IndexedPassage]] = defaultdict(list)
    for row, text in zip(states.passages, read, strict=True):
        passages[row["content"]].append(
            IndexedPassage(
                key=PassageKey(row["key"]),
                text=rendered(titles[row["content"]], from_headings(row["headings"]), text) if with_texts else "",
                vector=None if row["data"] is None else from_blob(row["data"]),
            )
        )
    return {
        row["key"]: DocumentChange(
            document=DocumentKey(row["key"]),
            attributes=Attributes.from_key(row["attributes"]),
            language=row["language"],
            passages=tuple(passages[row["content"]]),
        )
        for row in states.documents
    }
