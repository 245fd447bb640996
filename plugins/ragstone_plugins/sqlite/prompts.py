"""The prompt store over the catalog's connections."""

from datetime import datetime

from ragstone_plugins.sqlite import prompting
from ragstone_plugins.sqlite.connections import Readers
from ragstone_plugins.sqlite.writer import Writer
from ragstone_server.spi.catalog_rows import to_micros
from ragstone_server.spi.host import Lane
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.prompts import PromptActivation, PromptDraft, PromptTemplate, PromptVersion


class SqlitePromptStore:
    """Fits `PromptStore`."""

    def __init__(self, writer: Writer, readers: Readers, lane: Lane) -> None:
        self._writer = writer
        self._readers = readers
        self._lane = lane

    async def create(
        self, collection: CollectionKey, draft: PromptDraft, author: str, now: datetime, /
    ) -> PromptTemplate:
        """Store the next version."""
        return await self._writer.write(prompting.create, collection, draft, author, to_micros(now))

    async def template(self, collection: CollectionKey, version: PromptVersion, /) -> PromptTemplate | None:
        """One version, or None."""
        return await self._readers.run(self._lane, prompting.template, collection, version)

    async def templates(
        self, collection: CollectionKey, after: PromptVersion, limit: int, /
    ) -> tuple[PromptTemplate, ...]:
        """A page of versions."""
        return await self._readers.run(self._lane, prompting.templates, collection, after, limit)

    async def active(self, collection: CollectionKey, /) -> PromptTemplate | None:
        """The version in use; None: the built-in one."""
        return await self._readers.run(self._lane, prompting.active, collection)

    async def activate(
        self, collection: CollectionKey, version: PromptVersion, author: str, now: datetime, /
    ) -> PromptActivation | None:
        """Put a version into use."""
        return await self._writer.write(prompting.activate, collection, version, author, to_micros(now))

    async def roll_back(self, collection: CollectionKey, author: str, now: datetime, /) -> PromptActivation | None:
        """Undo the last activation that is not undone."""
        return await self._writer.write(prompting.roll_back, collection, author, to_micros(now))

    async def activations(
        self, collection: CollectionKey, before: int | None, limit: int, /
    ) -> tuple[PromptActivation, ...]:
        """The history, the latest first."""
        return await self._readers.run(self._lane, prompting.activations, collection, before, limit)
