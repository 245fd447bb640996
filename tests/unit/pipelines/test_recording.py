"""Questions are recorded beside the requests."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from ragstone_server.pipelines import recording
from ragstone_server.pipelines.recording import MOST_PENDING, QuestionRecorder, recorded
from ragstone_server.pipelines.retrieve import Retrieval, RetrieveRequest
from ragstone_server.spi.errors import CatalogUnavailable, CollectionNotFound
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.questions import AskedQuestion, RecordedQuestion
from ragstone_server.spi.rewriter import RewriteRequest, SearchText
from ragstone_server.spi.turns import Role, Turn
from ragstone_server.testing.conformance.samples import CONTEXT
from tests.unit.pipelines.house import House, open_house

ONE = CollectionKey(1)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


async def kept(house: House) -> Sequence[RecordedQuestion]:
    return await house.store.questions.questions((await house.catalog.collection(CONTEXT.collection)).key, 100)


async def ask(house: House, recorder: QuestionRecorder, question: str, *turns: Turn) -> Retrieval:
    async def retrieve(request: RetrieveRequest) -> Retrieval:
        return await house.ask(request.question, turns=request.turns)

    request = RetrieveRequest(context=CONTEXT, question=question, turns=turns)
    return await recorded(retrieve, recorder)(request)


async def test_what_is_asked_is_recorded_once_with_a_count(house: House) -> None:
    """Of a follow-up, what the rewriter made of it."""

    async def resolve(request: RewriteRequest) -> SearchText:
        text = " ".join([*(turn.text for turn in request.turns), request.question])
        return SearchText(dense=text, lexical="anything")

    house.stages["rewrite"] = resolve
    recorder = QuestionRecorder(house.store.questions, 10, house.clock)
    await house.put("a", "The ferry leaves at nine.")
    for question in ("when?", "where?", "when?"):
        await ask(house, recorder, question)
    await ask(house, recorder, "and back?", Turn(role=Role.USER, text="when does the ferry leave?"))
    assert await kept(house) == (), "no request waited for a write"
    await recorder.write()
    assert {each.text: each.times for each in await kept(house)} == {
        "when?": 2,
        "where?": 1,
        "when does the ferry leave? and back?": 1,
    }


async def test_it_is_written_after_a_while_and_at_the_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "WRITE_S", 0.01)
    recorder = QuestionRecorder(house.store.questions, 10, house.clock)
    async with recorder.running():
        await ask(house, recorder, "first")
        while not await kept(house):
            await asyncio.sleep(0.01)
        monkeypatch.setattr(recording, "WRITE_S", 3600.0)
        await asyncio.sleep(0.02)  # the writer waits for something to write again
        await ask(house, recorder, "last")
    assert {each.text for each in await kept(house)} == {"first", "last"}


async def test_a_failed_question_is_not_recorded(house: House) -> None:
    recorder = QuestionRecorder(house.store.questions, 10, house.clock)
    before = await house.catalog.collection(CONTEXT.collection)
    await house.store.delete_collection(before.key, force=True)
    with pytest.raises(CollectionNotFound):
        await ask(house, recorder, "when?")
    assert not recorder._pending


async def test_nothing_is_recorded_where_it_is_turned_off(house: House) -> None:
    recorder = QuestionRecorder(house.store.questions, 0, house.clock)
    async with recorder.running():
        await ask(house, recorder, "when?")
    assert await kept(house) == ()


class Broken:
    """A store that is away, or stuck."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.stuck = stuck
        self.asked = 0

    async def record(self, questions: Sequence[AskedQuestion], keep: int, /) -> None:
        self.asked += 1
        if self.stuck:
            await asyncio.Event().wait()
        raise CatalogUnavailable

    async def questions(self, collection: CollectionKey, limit: int, /) -> tuple[RecordedQuestion, ...]:
        return ()

    async def purge(self, collection: CollectionKey, /) -> int:
        return 0


async def test_a_catalog_that_is_away_fails_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once; the questions of that time are not recorded."""
    store = Broken()
    recorder = QuestionRecorder(store, 10, house.clock)
    for _ in range(3):
        await ask(house, recorder, "when?")
        await recorder.write()
    assert store.asked == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert not recorder._pending


async def test_a_catalog_that_is_stuck_holds_up_no_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "LAST_WRITE_S", 0.05)
    store = Broken(stuck=True)
    recorder = QuestionRecorder(store, 10, house.clock)
    async with recorder.running():
        await ask(house, recorder, "when?")
    assert store.asked == 1


async def test_what_waits_is_bounded(house: House) -> None:
    """The first go, those that were asked again are not among them."""
    recorder = QuestionRecorder(house.store.questions, 10_000, house.clock)
    for n in range(MOST_PENDING):
        recorder.note(ONE, f"{n}")
    recorder.note(ONE, "0")
    recorder.note(ONE, "one more")
    await recorder.write()
    texts = {each.text for each in await house.store.questions.questions(ONE, 10_000)}
    assert len(texts) == MOST_PENDING
    assert {"0", "one more"} <= texts
    assert "1" not in texts
