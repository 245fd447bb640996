"""Prompt templates in memory; part of `MemoryCatalogStore`."""

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime

from ragstone_server.spi.errors import CollectionNotFound, PromptNotFound
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.prompts import (
    BUILT_IN,
    ActivationKind,
    PromptActivation,
    PromptDraft,
    PromptTemplate,
    PromptVersion,
)


@dataclass
class _Prompts:
    templates: list[PromptTemplate] = field(default_factory=list)
    history: list[PromptActivation] = field(default_factory=list)
    undo: list[PromptVersion] = field(default_factory=list)
    """What was in use before, the latest last."""

    @property
    def in_use(self) -> PromptVersion:
        return self.history[-1].version if self.history else BUILT_IN


class MemoryPromptStore:
    """Fits `PromptStore`."""

    def __init__(self, collections: Container[CollectionKey]) -> None:
        self._collections = collections
        self._prompts: defaultdict[CollectionKey, _Prompts] = defaultdict(_Prompts)

    async def create(
        self, collection: CollectionKey, draft: PromptDraft, author: str, now: datetime, /
    ) -> PromptTemplate:
        """Store the next version."""
        templates = self._existing(collection).templates
        version = PromptVersion(len(templates) + 1)
        templates.append(PromptTemplate(version=version, draft=draft, author=author, created=now))
        return templates[-1]

    async def template(self, collection: CollectionKey, version: PromptVersion, /) -> PromptTemplate | None:
        """One version, or None."""
        return next((each for each in self._read(collection).templates if each.version == version), None)

    async def templates(
        self, collection: CollectionKey, after: PromptVersion, limit: int, /
    ) -> tuple[PromptTemplate, ...]:
        """A page of versions."""
        return tuple(each for each in self._read(collection).templates if each.version > after)[:limit]

    async def active(self, collection: CollectionKey, /) -> PromptTemplate | None:
        """The version in use; None: the built-in one."""
        return await self.template(collection, self._read(collection).in_use)

    async def activate(
        self, collection: CollectionKey, version: PromptVersion, author: str, now: datetime, /
    ) -> PromptActivation | None:
        """Put a version into use."""
        prompts = self._existing(collection)
        if not 0 <= version <= len(prompts.templates):
            raise PromptNotFound
        if version == prompts.in_use:
            return None
        prompts.undo.append(prompts.in_use)
        return self._note(prompts, version, ActivationKind.ACTIVATED, author, now)

    async def roll_back(self, collection: CollectionKey, author: str, now: datetime, /) -> PromptActivation | None:
        """Undo the last activation that is not undone."""
        prompts = self._existing(collection)
        if not prompts.undo:
            return None
        return self._note(prompts, prompts.undo.pop(), ActivationKind.ROLLED_BACK, author, now)

    async def activations(
        self, collection: CollectionKey, before: int | None, limit: int, /
    ) -> tuple[PromptActivation, ...]:
        """The history, the latest first."""
        rows = reversed(self._read(collection).history)
        return tuple(row for row in rows if before is None or row.number < before)[:limit]

    def _note(
        self, prompts: _Prompts, version: PromptVersion, kind: ActivationKind, author: str, now: datetime
    ) -> PromptActivation:
        number = len(prompts.history) + 1
        prompts.history.append(PromptActivation(number=number, version=version, kind=kind, author=author, at=now))
        return prompts.history[-1]

    def _existing(self, collection: CollectionKey) -> _Prompts:
        if collection not in self._collections:
            raise CollectionNotFound("the collection was deleted")
        return self._prompts[collection]

    def _read(self, collection: CollectionKey) -> _Prompts:
        return self._prompts[collection] if collection in self._collections else _Prompts()
