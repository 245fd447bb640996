"""The event of a dead letter, applied again."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ragstone_server.app.replaying import replaying
from ragstone_server.catalog.writes import WriteOutcome
from ragstone_server.pipelines.apply_events import ApplyEvents
from ragstone_server.pipelines.dead_letters import Replay
from ragstone_server.spi.errors import InvalidEvent, VersionStale
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.sources import DeadLetter, DeadLetterId
from tests.letters import SAMPLE
from tests.unit.pipelines.house import CONTEXT, House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


@pytest.fixture
def replay(house: House) -> Replay:
    async def fetch(uri: str) -> bytes:
        return f"what {uri} holds".encode()

    return replaying(house.catalog, ApplyEvents(house.catalog, house.indexes, house.ingest, fetch))


def letter(house: House, event: dict[str, object] | None, key: bytes | None = None) -> DeadLetter:
    """An event of the house's collection that failed now."""
    name = {"tenant": CONTEXT.collection.tenant, "collection": CONTEXT.collection.collection}
    value = None if event is None else json.dumps({**name, **event}).encode()
    now = house.clock.now()
    sample = replace(SAMPLE, key=key, value=value, headers=(), bound="", event_time=now, failed=now)
    return DeadLetter(id=DeadLetterId(1), letter=sample, published=True)


async def test_an_event_is_applied_as_its_source_would(house: House, replay: Replay) -> None:
    receipt = await replay(letter(house, {"document": "a", "version": "7", "upsert": {"text": "nine"}}), False)
    assert (receipt.outcome, receipt.version) == (WriteOutcome.STORED, 7)
    receipt = await replay(letter(house, {"document": "b", "upsert": {"reference": "file:///b"}}), False)
    assert receipt.outcome is WriteOutcome.STORED
    receipt = await replay(letter(house, {"document": "a", "version": "8", "delete": {}}), False)
    assert receipt.outcome is WriteOutcome.DELETED


async def test_one_that_is_still_wrong_is_refused(house: House, replay: Replay) -> None:
    with pytest.raises(InvalidEvent):
        await replay(letter(house, {"document": "a"}), False)


@pytest.mark.parametrize("event", [{"document": "a", "upsert": {"text": "old"}}, {"document": "a", "delete": {}}])
async def test_without_a_version_it_does_not_become_the_newest_unasked(
    house: House, replay: Replay, event: dict[str, object]
) -> None:
    await house.put("a", "before")
    dead = letter(house, event)
    await house.put("a", "since")
    with pytest.raises(VersionStale, match="force"):
        await replay(dead, False)
    assert await replay(dead, True)


async def test_a_document_that_was_deleted_since_stays_so(house: House, replay: Replay) -> None:
    dead = letter(house, {"document": "a", "upsert": {"text": "old"}})
    await house.put("a", "before", version=3)
    collection = await house.catalog.collection(CONTEXT.collection)
    await house.catalog.delete(collection, DocumentId("a"), None)
    with pytest.raises(VersionStale, match="deleted"):
        await replay(dead, False)
