"""The prompt store over the catalog's connections."""

from datetime import datetime

from ragstone_plugins.postgresql.connections import Database, Transaction
from ragstone_plugins.postgresql.reading import the_collection
from ragstone_plugins.postgresql.values import to_text
from ragstone_server.spi.catalog_rows import prompt_activation, prompt_template, to_micros
from ragstone_server.spi.errors import PromptNotFound
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.prompts import (
    BUILT_IN,
    ActivationKind,
    PromptActivation,
    PromptDraft,
    PromptTemplate,
    PromptVersion,
)

# Who adds to a collection's templates or history locks its row, so that numbers are given once.
_LOCK = "SELECT * FROM collection WHERE key = %s FOR NO KEY UPDATE"
_CREATE = """
    INSERT INTO prompt
    SELECT %(key)s, coalesce(max(version), 0) + 1, %(system)s, %(user)s, %(description)s, %(author)s, %(now)s
    FROM prompt WHERE collection = %(key)s RETURNING *
"""
_TEMPLATE = "SELECT * FROM prompt WHERE collection = %s AND version = %s"
_ACTIVE = """
    SELECT p.* FROM prompt p WHERE p.collection = %(key)s AND p.version =
        (SELECT version FROM prompt_activation WHERE collection = %(key)s ORDER BY number DESC LIMIT 1)
"""
_LATEST = "SELECT * FROM prompt_activation WHERE collection = %s ORDER BY number DESC LIMIT 1"
_NOTE = """
    INSERT INTO prompt_activation
    SELECT %(key)s, coalesce(max(number), 0) + 1, %(version)s, %(below)s, %(kind)s, %(author)s, %(now)s
    FROM prompt_activation WHERE collection = %(key)s RETURNING *
"""


class PostgresqlPromptStore:
    """Fits `PromptStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, collection: CollectionKey, draft: PromptDraft, author: str, now: datetime, /
    ) -> PromptTemplate:
        """Store the next version."""
        values = {
            "key": collection,
            "system": to_text(draft.system),
            "user": to_text(draft.user),
            "description": to_text(draft.description),
            "author": to_text(author),
            "now": to_micros(now),
        }
        async with self._database.transaction() as transaction:
            the_collection(await transaction.run(_LOCK, (collection,)))
            return prompt_template((await transaction.run(_CREATE, values))[0])

    async def template(self, collection: CollectionKey, version: PromptVersion, /) -> PromptTemplate | None:
        """One version, or None."""
        rows = await self._database.read(_TEMPLATE, (collection, version))
        return prompt_template(rows[0]) if rows else None

    async def templates(
        self, collection: CollectionKey, after: PromptVersion, limit: int, /
    ) -> tuple[PromptTemplate, ...]:
        """A page of versions."""
        rows = await self._database.read(
            "SELECT * FROM prompt WHERE collection = %s AND version > %s ORDER BY version LIMIT %s",
            (collection, after, limit),
        )
        return tuple(prompt_template(row) for row in rows)

    async def active(self, collection: CollectionKey, /) -> PromptTemplate | None:
        """The version in use; None: the built-in one."""
        rows = await self._database.read(_ACTIVE, {"key": collection})
        return prompt_template(rows[0]) if rows else None

    async def activate(
        self, collection: CollectionKey, version: PromptVersion, author: str, now: datetime, /
    ) -> PromptActivation | None:
        """Put a version into use."""
        async with self._database.transaction() as transaction:
            rows, template, latest = await transaction.together(
                (_LOCK, (collection,)), (_TEMPLATE, (collection, version)), (_LATEST, (collection,))
            )
            the_collection(rows)
            if version != BUILT_IN and not template:
                raise PromptNotFound
            if version == (latest[0]["version"] if latest else BUILT_IN):
                return None
            below = latest[0]["number"] if latest else 0
            return await _note(transaction, collection, version, below, ActivationKind.ACTIVATED, author, now)

    async def roll_back(self, collection: CollectionKey, author: str, now: datetime, /) -> PromptActivation | None:
        """Undo the last activation that is not undone: a row with what the row below has, its place included."""
        async with self._database.transaction() as transaction:
            rows, latest = await transaction.together((_LOCK, (collection,)), (_LATEST, (collection,)))
            the_collection(rows)
            if not latest or latest[0]["below"] is None:
                return None
            target = await transaction.run(
                "SELECT * FROM prompt_activation WHERE collection = %s AND number = %s",
                (collection, latest[0]["below"]),
            )
            version, below = (target[0]["version"], target[0]["below"]) if target else (BUILT_IN, None)
            return await _note(transaction, collection, version, below, ActivationKind.ROLLED_BACK, author, now)

    async def activations(
        self, collection: CollectionKey, before: int | None, limit: int, /
    ) -> tuple[PromptActivation, ...]:
        """The history, the latest first."""
        rows = await self._database.read(
            "SELECT * FROM prompt_activation WHERE collection = %s AND number < coalesce(%s, 2147483647) "
            "ORDER BY number DESC LIMIT %s",
            (collection, before, limit),
        )
        return tuple(prompt_activation(row) for row in rows)


async def _note(
    transaction: Transaction,
    collection: CollectionKey,
    version: PromptVersion,
    below: int | None,
    kind: ActivationKind,
    author: str,
    now: datetime,
) -> PromptActivation:
    values = {
        "key": collection,
        "version": version,
        "below": below,
        "kind": kind,
        "author": to_text(author),
        "now": to_micros(now),
    }
    return prompt_activation((await transaction.run(_NOTE, values))[0])
