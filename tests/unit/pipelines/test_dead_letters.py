"""What becomes of dead letters: gone once their events are applied, and not before."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ragstone_server.catalog.catalog import WriteOutcome, WriteReceipt
from ragstone_server.pipelines.dead_letters import DeadLetters
from ragstone_server.pipelines.settings import IngestSettings
from ragstone_server.spi.errors import CatalogUnavailable, DeadLetterNotFound, DocumentBroken, VersionStale
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.sources import DeadLetter, DeadLetterId
from ragstone_server.testing.conformance.samples import CONTEXT
from tests.letters import SAMPLE, Applier, put
from tests.unit.pipelines.house import House, open_house

FIRST, SECOND = DeadLetterId(1), DeadLetterId(2)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, IngestSettings()) as house:
        yield house


def applier(house: House) -> Applier:
    async def store(document: str, text: str, version: int | None) -> WriteReceipt:
        return await house.put(document, text, version=version)

    return Applier(store)


async def version(house: House, document: str) -> int | None:
    collection = await house.store.collection(CONTEXT.collection)
    record = await house.store.document(collection.key, DocumentId(document))
    return record.version if record else None


async def test_a_letter_goes_when_its_event_is_on_disk(house: House) -> None:
    await put(house.store, SAMPLE)
    apply = applier(house)

    async def watched(letter: DeadLetter, force: bool) -> WriteReceipt:
        receipt = await apply(letter, force)
        assert await house.store.sources.dead_letter(letter.id) == letter
        return receipt

    receipt = await DeadLetters(house.store.sources, watched).replay(FIRST, force=False)
    assert (receipt.outcome, receipt.version) == (WriteOutcome.STORED, 1)
    assert await version(house, "ferry") == 1
    assert await house.store.sources.dead_letter_count() == 0
    assert apply.forced == [False]


async def test_force_reaches_who_applies_the_event(house: House) -> None:
    await put(house.store, SAMPLE)
    apply = applier(house)
    await DeadLetters(house.store.sources, apply).replay(FIRST, force=True)
    assert apply.forced == [True]


async def test_a_letter_whose_event_fails_again_stays(house: House) -> None:
    await put(house.store, replace(SAMPLE, value=b"\xff"))
    letters = DeadLetters(house.store.sources, applier(house))
    for _ in range(2):
        with pytest.raises(DocumentBroken, match="no JSON"):
            await letters.replay(FIRST, force=False)
    assert (await letters.letter(FIRST)).letter.value == b"\xff"


async def test_what_is_gone_is_not_found(house: House) -> None:
    letters = DeadLetters(house.store.sources, applier(house))
    for call in (letters.letter(FIRST), letters.replay(FIRST, force=True), letters.discard(FIRST)):
        with pytest.raises(DeadLetterNotFound) as raised:
            await call
        assert raised.value.metadata == {"dead_letter": "1"}


async def test_of_two_replays_at_once_one_has_an_effect(house: House) -> None:
    await put(house.store, SAMPLE)
    letters = DeadLetters(house.store.sources, applier(house))
    outcomes = await asyncio.gather(*(letters.replay(FIRST, force=False) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, WriteReceipt) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, DeadLetterNotFound) for outcome in outcomes) == 4
    assert await version(house, "ferry") == 1


async def test_different_letters_do_not_wait_for_each_other(house: House) -> None:
    await put(house.store, SAMPLE, replace(SAMPLE, value=b'{"document": "tram", "text": "The tram leaves at ten."}'))
    apply, both = applier(house), asyncio.Barrier(2)

    async def meeting(letter: DeadLetter, force: bool) -> WriteReceipt:
        await both.wait()
        return await apply(letter, force)

    letters = DeadLetters(house.store.sources, meeting)
    async with asyncio.timeout(10):
        await asyncio.gather(*(letters.replay(each, force=False) for each in (FIRST, SECOND)))


async def test_a_letter_that_is_replayed_meanwhile_is_not_discarded(house: House) -> None:
    await put(house.store, SAMPLE)
    apply, begun, go = applier(house), asyncio.Event(), asyncio.Event()

    async def slow(letter: DeadLetter, force: bool) -> WriteReceipt:
        begun.set()
        await go.wait()
        return await apply(letter, force)

    letters = DeadLetters(house.store.sources, slow)
    replaying = asyncio.create_task(letters.replay(FIRST, force=False))
    await begun.wait()
    discarding = asyncio.create_task(letters.discard(FIRST))
    await asyncio.sleep(0)
    go.set()
    assert (await replaying).outcome is WriteOutcome.STORED
    with pytest.raises(DeadLetterNotFound):
        await discarding


@pytest.mark.parametrize("given", [None, 7])
async def test_who_dies_between_writing_and_forgetting_is_repeated_without_effect(
    house: House, monkeypatch: pytest.MonkeyPatch, given: int | None
) -> None:
    event = b'{"document": "ferry", "text": "The ferry leaves at nine.", "version": %s}' % str(given or "null").encode()
    await put(house.store, replace(SAMPLE, value=event))
    letters = DeadLetters(house.store.sources, applier(house))

    async def away(letter: DeadLetterId) -> bool:
        raise CatalogUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(house.store.sources, "delete_dead_letter", away)
        with pytest.raises(CatalogUnavailable):
            await letters.replay(FIRST, force=False)
    written = await version(house, "ferry")
    assert (await letters.replay(FIRST, force=False)).outcome is WriteOutcome.UNCHANGED
    assert written == await version(house, "ferry") == (given or 1)


async def test_an_event_that_is_older_than_what_is_stored_does_not_win(house: House) -> None:
    await house.put("ferry", "The ferry leaves at ten.", version=8)
    event = b'{"document": "ferry", "text": "The ferry leaves at nine.", "version": 7}'
    await put(house.store, replace(SAMPLE, value=event))
    letters = DeadLetters(house.store.sources, applier(house))
    with pytest.raises(VersionStale):
        await letters.replay(FIRST, force=True)
    await letters.discard(FIRST)
    assert await version(house, "ferry") == 8


async def test_the_log_tells_what_became_of_a_letter_and_nothing_of_its_event(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ragstone_server.pipelines.dead_letters")
    await put(house.store, SAMPLE, SAMPLE)
    letters = DeadLetters(house.store.sources, applier(house))
    await letters.replay(FIRST, force=False)
    await letters.discard(SECOND)
    assert [record.getMessage() for record in caplog.records] == [
        "dead letter 1 (log/documents/0 at 0, DOCUMENT_BROKEN) was replayed (stored)",
        "dead letter 2 (log/documents/0 at 1, DOCUMENT_BROKEN) was discarded",
    ]
