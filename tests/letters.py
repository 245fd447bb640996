"""Dead letters for tests: events that a test makes, the stores that it puts them into, and a way to apply them."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ragstone_plugins.sqlite.plugin import PROVIDER
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.catalog.catalog import WriteReceipt
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.errors import DocumentBroken
from ragstone_server.spi.sources import DeadLetter, NewDeadLetter, SourceMove, SourceName
from ragstone_server.testing.memory.host import MemoryHost

SOURCE = SourceName("log/documents/0")
SAMPLE = NewDeadLetter(
    source=SOURCE,
    offset=0,
    key=b"handbook/ferry",
    value=b'{"document": "ferry", "text": "The ferry leaves at nine."}',
    headers=(("content-type", b"application/json"), ("trace", b"\x00\xff")),
    bound="tenants/default/collections/default",
    event_time=datetime(2026, 3, 1, 8, tzinfo=UTC),
    reason="DOCUMENT_BROKEN",
    message="the document is damaged",
    failed=datetime(2026, 3, 1, 8, 0, 5, tzinfo=UTC),
)


async def put(store: CatalogStore, *letters: NewDeadLetter) -> None:
    """Put letters into a store, as the reader of their source does."""
    claim = await store.sources.claim(letters[0].source)
    at = claim.next or 0
    move = SourceMove(claim=claim, expected=claim.next, next=at + len(letters))
    async with store.sources.transaction([], move) as transaction:
        for place, letter in enumerate(letters, at):
            await transaction.put_dead_letter(replace(letter, offset=place))


async def put_into(data_dir: Path, *letters: NewDeadLetter) -> None:
    """Put letters into the SQLite catalog of a server, which may run."""
    async with MemoryHost(data_dir, data_dir) as host, PROVIDER.open(SqliteConfig(), host) as store:
        await put(store, *letters)


Store = Callable[[str, str, int | None], Awaitable[WriteReceipt]]


@dataclass(slots=True)
class Applier:
    """Fits `Replay`: events are JSON with a document, a text, and perhaps a version."""

    store: Store
    forced: list[bool] = field(default_factory=list)

    async def __call__(self, letter: DeadLetter, force: bool) -> WriteReceipt:
        """Apply an event."""
        self.forced.append(force)
        try:
            event = json.loads(letter.letter.value or b"")
        except ValueError as error:
            raise DocumentBroken("the event is no JSON") from error
        return await self.store(event["document"], event["text"], event.get("version"))
