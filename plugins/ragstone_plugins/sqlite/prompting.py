"""The statements about prompt templates. Each function is the method of `PromptStore` that has its name."""

import sqlite3

from ragstone_plugins.sqlite.reading import collection_by_key
from ragstone_server.spi.catalog_rows import prompt_activation, prompt_template
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

_LATEST = "SELECT * FROM prompt_activation WHERE collection = ? ORDER BY number DESC LIMIT 1"


def create(
    connection: sqlite3.Connection, collection: CollectionKey, draft: PromptDraft, author: str, now: int
) -> PromptTemplate:
    """The next version."""
    collection_by_key(connection, collection)
    row = connection.execute(
        "INSERT INTO prompt VALUES (?1, (SELECT coalesce(max(version), 0) + 1 FROM prompt WHERE collection = ?1), "
        "?2, ?3, ?4, ?5, ?6) RETURNING *",
        (collection, draft.system, draft.user, draft.description, author, now),
    ).fetchone()
    return prompt_template(row)


def template(
    connection: sqlite3.Connection, collection: CollectionKey, version: PromptVersion
) -> PromptTemplate | None:
    """By its version."""
    row = connection.execute(
        "SELECT * FROM prompt WHERE collection = ? AND version = ?", (collection, version)
    ).fetchone()
    return None if row is None else prompt_template(row)


def templates(
    connection: sqlite3.Connection, collection: CollectionKey, after: PromptVersion, limit: int
) -> tuple[PromptTemplate, ...]:
    """A page."""
    rows = connection.execute(
        "SELECT * FROM prompt WHERE collection = ? AND version > ? ORDER BY version LIMIT ?", (collection, after, limit)
    )
    return tuple(prompt_template(row) for row in rows)


def active(connection: sqlite3.Connection, collection: CollectionKey) -> PromptTemplate | None:
    """The one in use."""
    row = connection.execute(
        "SELECT * FROM prompt WHERE collection = ?1 AND version = "
        "(SELECT version FROM prompt_activation WHERE collection = ?1 ORDER BY number DESC LIMIT 1)",
        (collection,),
    ).fetchone()
    return None if row is None else prompt_template(row)


def activate(
    connection: sqlite3.Connection, collection: CollectionKey, version: PromptVersion, author: str, now: int
) -> PromptActivation | None:
    """A row, unless the version is in use."""
    collection_by_key(connection, collection)
    if version != BUILT_IN and template(connection, collection, version) is None:
        raise PromptNotFound
    latest = connection.execute(_LATEST, (collection,)).fetchone()
    if version == (BUILT_IN if latest is None else latest["version"]):
        return None
    below = 0 if latest is None else latest["number"]
    return _note(connection, collection, version, below, ActivationKind.ACTIVATED, author, now)


def roll_back(
    connection: sqlite3.Connection, collection: CollectionKey, author: str, now: int
) -> PromptActivation | None:
    """A row with what the row below the latest one has, its place in the history included."""
    collection_by_key(connection, collection)
    latest = connection.execute(_LATEST, (collection,)).fetchone()
    if latest is None or latest["below"] is None:
        return None
    target = connection.execute(
        "SELECT * FROM prompt_activation WHERE collection = ? AND number = ?", (collection, latest["below"])
    ).fetchone()
    version, below = (BUILT_IN, None) if target is None else (target["version"], target["below"])
    return _note(connection, collection, version, below, ActivationKind.ROLLED_BACK, author, now)


def activations(
    connection: sqlite3.Connection, collection: CollectionKey, before: int | None, limit: int
) -> tuple[PromptActivation, ...]:
    """A page of the history."""
    rows = connection.execute(
        "SELECT * FROM prompt_activation WHERE collection = ?1 AND (?2 IS NULL OR number < ?2) "
        "ORDER BY number DESC LIMIT ?3",
        (collection, before, limit),
    )
    return tuple(prompt_activation(row) for row in rows)


def _note(
    connection: sqlite3.Connection,
    collection: CollectionKey,
    version: PromptVersion,
    below: int | None,
    kind: ActivationKind,
    author: str,
    now: int,
) -> PromptActivation:
    row = connection.execute(
        "INSERT INTO prompt_activation VALUES "
        "(?1, (SELECT coalesce(max(number), 0) + 1 FROM prompt_activation WHERE collection = ?1), ?2, ?3, ?4, ?5, ?6) "
        "RETURNING *",
        (collection, version, below, kind, author, now),
    ).fetchone()
    return prompt_activation(row)
