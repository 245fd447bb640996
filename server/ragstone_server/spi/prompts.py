"""Prompt templates: versions of a collection's prompt, and which of them is in use.

A collection's versions are counted from 1 in the order of their creation, without gaps; none is changed or deleted but with
its collection. Version 0 is the template that is built into the server: it is in use until another one is activated, and the
store holds no row for it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

from ragstone_server.spi.errors import InvalidName
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.positions import CollectionKey

PromptVersion = NewType("PromptVersion", int)
"""Of a template, within its collection."""

BUILT_IN = PromptVersion(0)
"""The template that is built into the server."""

_NAME = re.compile(r"(tenants/[^/]+/collections/[^/]+)/prompts/(0|[1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptName:
    """Resource name of a template: `tenants/{tenant}/collections/{collection}/prompts/{version}`."""

    collection: CollectionName
    version: PromptVersion

    def __str__(self) -> str:
        return f"{self.collection}/prompts/{self.version}"

    @classmethod
    def parse(cls, text: str) -> "PromptName":
        """Read a resource name; raise `InvalidName` where it is malformed."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise InvalidName(
                f"{text!r} is not of the form tenants/TENANT/collections/COLLECTION/prompts/VERSION",
                metadata={"name": text},
            )
        return cls(collection=CollectionName.parse(match[1]), version=PromptVersion(int(match[2])))


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDraft:
    """What a person writes."""

    system: str
    """Source of the system message."""
    user: str
    """Source of the message that holds the evidence and the question."""
    description: str
    """What it is for, or what was changed; for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """One version of a collection's template."""

    version: PromptVersion
    draft: PromptDraft
    author: str
    """The principal that created it."""
    created: datetime | None
    """None for the built-in one."""


class ActivationKind(StrEnum):
    """How a version came into use."""

    ACTIVATED = "activated"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptActivation:
    """One row of the history: from then on a version is in use."""

    number: int
    """Counted from 1 within the collection."""
    version: PromptVersion
    kind: ActivationKind
    author: str
    """The principal that did it."""
    at: datetime


class PromptStore(Protocol):
    """Templates of the collections, with their history. All methods may be called at once from many tasks.

    What a method wrote is on disk when it returns. A collection that does not exist reads as empty.
    """

    async def create(
        self, collection: CollectionKey, draft: PromptDraft, author: str, now: datetime, /
    ) -> PromptTemplate:
        """Store the next version; it is not in use yet. Raises `CollectionNotFound`, and `StorageFull`."""
        ...

    async def template(self, collection: CollectionKey, version: PromptVersion, /) -> PromptTemplate | None:
        """One version, or None."""
        ...

    async def templates(
        self, collection: CollectionKey, after: PromptVersion, limit: int, /
    ) -> tuple[PromptTemplate, ...]:
        """Versions in ascending order, those after `after`."""
        ...

    async def active(self, collection: CollectionKey, /) -> PromptTemplate | None:
        """The version in use; None: the built-in one. One indexed read: every question asks."""
        ...

    async def activate(
        self, collection: CollectionKey, version: PromptVersion, author: str, now: datetime, /
    ) -> PromptActivation | None:
        """Put a version into use, the built-in one included; None where it is in use already, and nothing is written.

        Raises `CollectionNotFound`, `PromptNotFound`, and `StorageFull`.
        """
        ...

    async def roll_back(self, collection: CollectionKey, author: str, now: datetime, /) -> PromptActivation | None:
        """Put the version into use that was so before the present one was activated; None where there is nothing to undo.

        Each call undoes one activation more, as far as the built-in template that was in use at first. Raises
        `CollectionNotFound`, and `StorageFull`.
        """
        ...

    async def activations(
        self, collection: CollectionKey, before: int | None, limit: int, /
    ) -> tuple[PromptActivation, ...]:
        """The history, the latest first: those with numbers below `before` (None: all)."""
        ...
