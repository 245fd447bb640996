"""Dead letters and sources on the wire: whole, in pages, and cut where they would not fit."""

from dataclasses import replace
from typing import Any, cast

import pytest

from ragstone.v1 import admin_service_pb2, ingest_service_pb2
from ragstone_server.catalog.catalog import WriteOutcome, WriteReceipt
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.spi.errors import DeadLetterNotFound, DocumentBroken, InvalidRequest
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.sources import DeadLetter, DeadLetterId, NewDeadLetter, SourceName, SourceState, SourceStatus
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.transport.convert.dead_letters import MESSAGE_CHARACTERS, VALUE_BYTES, letter_to, summary_to
from ragstone_server.transport.convert.paging import next_token
from ragstone_server.transport.convert.sources import source_to
from ragstone_server.transport.grpc import dead_letter_methods
from ragstone_server.transport.grpc.admin_service import AdminServicer
from tests.admin import admin_servicer
from tests.letters import SAMPLE, put

MIB = 1024 * 1024
ROOM = 64 * MIB
NOBODY = cast(Any, None)
"""The context of a call, which these methods do not look at."""
MARK = Watermark(epoch="0", collection=CollectionKey(1), position=Position(1))


def stored(letter: NewDeadLetter, number: int = 3, *, published: bool = True) -> DeadLetter:
    return DeadLetter(id=DeadLetterId(number), letter=letter, published=published)


def test_every_field_is_there() -> None:
    wire = letter_to(stored(SAMPLE), 0, 0, ROOM)
    assert summary_to(stored(SAMPLE).summary) == admin_service_pb2.DeadLetter(
        id=3,
        source="log/documents/0",
        offset=0,
        reason="DOCUMENT_BROKEN",
        message="the document is damaged",
        event_time=wire.event_time,
        fail_time=wire.fail_time,
        published=True,
        collection="tenants/default/collections/default",
        value_size=58,
    )
    assert wire.event_time.ToJsonString() == "2026-03-01T08:00:00Z"
    assert wire.fail_time.ToJsonString() == "2026-03-01T08:00:05Z"
    assert (wire.key, wire.value) == (SAMPLE.key, SAMPLE.value)
    assert [(header.key, header.value) for header in wire.headers] == list(SAMPLE.headers)
    assert (wire.key_truncated, wire.headers_truncated, wire.value_truncated) == (False, False, False)


def test_what_an_event_does_not_have_is_absent_and_not_empty() -> None:
    wire = letter_to(stored(replace(SAMPLE, key=None, value=None, headers=())), 0, 0, ROOM)
    assert [wire.HasField(name) for name in ("key", "value", "value_size")] == [False] * 3
    wire = letter_to(stored(replace(SAMPLE, key=b"", value=b"")), 0, 0, ROOM)
    assert [wire.HasField(name) for name in ("key", "value", "value_size")] == [True] * 3


@pytest.mark.parametrize("room", [MIB, 4 * MIB, ROOM])
def test_a_large_event_fits_a_message_and_can_be_read_in_parts(room: int) -> None:
    value = bytes(range(256)) * (5 * 4096)
    event = replace(
        SAMPLE, key=b"k" * (2 * MIB), value=value, headers=tuple((f"h{i}", b"x" * 999) for i in range(4096))
    )
    read = b""
    while True:
        wire = letter_to(stored(event), len(read), ROOM, room)
        assert wire.ByteSize() <= room
        assert wire.value
        read += wire.value
        assert wire.key
        assert wire.key.ljust(2 * MIB, b"k") == b"k" * (2 * MIB)
        if not wire.value_truncated:
            break
    assert read == value
    assert wire.key_truncated == wire.headers_truncated == (room < ROOM)
    assert len(wire.headers) == 4096 if room == ROOM else 200 < len(wire.headers) < 4096


def test_a_value_is_cut_unless_more_is_asked_for() -> None:
    event = stored(replace(SAMPLE, value=bytes(3 * MIB)))
    cut = letter_to(event, 0, 0, ROOM)
    assert (len(cut.value), cut.value_truncated, cut.value_size) == (VALUE_BYTES, True, 3 * MIB)
    assert not letter_to(event, 0, 3 * MIB, ROOM).value_truncated
    assert letter_to(event, 3 * MIB - 1, 1, ROOM).value == b"\0"
    behind = letter_to(event, 9 * MIB, 0, ROOM)
    assert (behind.value, behind.value_truncated) == (b"", False)


def test_every_state_has_a_value() -> None:
    states = {admin_service_pb2.SourceState.Name(value) for value in admin_service_pb2.SourceState.values()}
    assert states - {"SOURCE_STATE_UNSPECIFIED"} == {f"SOURCE_STATE_{state.name}" for state in SourceState}


def test_a_source_that_was_not_read_yet_says_nothing_of_what_it_does_not_know() -> None:
    wire = source_to(SourceStatus(name=SourceName("log/0"), state=SourceState.STARTING))
    assert wire == admin_service_pb2.SourceStatus(name="log/0", state=admin_service_pb2.SOURCE_STATE_STARTING)
    assert not wire.HasField("lag")


RUNNING = SourceStatus(
    name=SourceName("log/0"),
    state=SourceState.PAUSED,
    detail="the views lag behind",
    position=90,
    end=100,
    lag=10,
    applied_until=SAMPLE.event_time,
    pending=4,
)


async def test_the_status_has_sources_and_the_number_of_letters() -> None:
    store = MemoryCatalogStore()
    await put(store, SAMPLE, SAMPLE)
    status = await admin_servicer(store, sources=[RUNNING]).GetStatus(admin_service_pb2.GetStatusRequest(), NOBODY)
    assert status.dead_letter_count == 2
    (source,) = status.sources
    assert source == source_to(RUNNING)
    assert (source.position, source.end, source.lag, source.pending) == (90, 100, 10, 4)
    assert source.applied_until.ToJsonString() == "2026-03-01T08:00:00Z"


async def listed(admin: AdminServicer, **request: Any) -> admin_service_pb2.ListDeadLettersResponse:
    return await admin.ListDeadLetters(admin_service_pb2.ListDeadLettersRequest(**request), NOBODY)


async def test_pages_are_followed_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryCatalogStore()
    await put(store, *[SAMPLE] * 5)
    admin = admin_servicer(store)
    first = await listed(admin, page_size=2)
    second = await listed(admin, page_size=2, page_token=first.next_page_token)
    third = await listed(admin, page_size=2, page_token=second.next_page_token)
    assert [letter.id for page in (first, second, third) for letter in page.dead_letters] == [1, 2, 3, 4, 5]
    assert third.next_page_token == ""
    assert not any(letter.HasField("value") for letter in first.dead_letters)
    whole = await listed(admin, page_size=5)
    assert (len(whole.dead_letters), whole.next_page_token) == (5, "")
    monkeypatch.setattr(dead_letter_methods, "PAGE_BYTES", whole.dead_letters[0].ByteSize() * 3 + 32)
    short = await listed(admin, page_size=5)
    assert [letter.id for letter in short.dead_letters] == [1, 2, 3]
    rest = await listed(admin, page_size=5, page_token=short.next_page_token)
    assert ([letter.id for letter in rest.dead_letters], rest.next_page_token) == ([4, 5], "")


async def test_letters_with_long_messages_fill_a_page_and_no_more() -> None:
    store = MemoryCatalogStore()
    await put(store, *[replace(SAMPLE, message="ü" * MIB)] * 200)
    page = await listed(admin_servicer(store), page_size=200)
    assert 100 < len(page.dead_letters) < 200
    assert page.ByteSize() < 1.1 * MIB
    assert len(page.dead_letters[0].message) == MESSAGE_CHARACTERS
    assert page.dead_letters[0].message.endswith("…")


@pytest.mark.parametrize("token", ["hello", next_token("tenants/default"), next_token("-1"), next_token("1" * 16)])
async def test_a_token_of_another_list_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest, match="page_token"):
        await listed(admin_servicer(MemoryCatalogStore()), page_token=token)


async def test_a_letter_is_read_within_the_limit_of_a_message() -> None:
    store = MemoryCatalogStore()
    await put(store, replace(SAMPLE, value=bytes(3 * MIB)))
    request = admin_service_pb2.GetDeadLetterRequest(id=1, max_value_bytes=ROOM)
    response = await admin_servicer(store, max_message_bytes=MIB).GetDeadLetter(request, NOBODY)
    assert response.ByteSize() < MIB
    assert response.dead_letter.value_truncated
    assert not (await admin_servicer(store).GetDeadLetter(request, NOBODY)).dead_letter.value_truncated


async def test_replaying_tells_what_was_written_and_takes_the_letter_away() -> None:
    store = MemoryCatalogStore()
    await put(store, SAMPLE)
    asked = []

    async def apply(letter: DeadLetter, force: bool) -> WriteReceipt:
        asked.append((letter.letter, force))
        if not force:
            raise DocumentBroken
        return WriteReceipt(outcome=WriteOutcome.DELETED, version=9, passages=0, watermark=MARK)

    admin = admin_servicer(store, apply)
    with pytest.raises(DocumentBroken):
        await admin.ReplayDeadLetter(admin_service_pb2.ReplayDeadLetterRequest(id=1), NOBODY)
    done = await admin.ReplayDeadLetter(admin_service_pb2.ReplayDeadLetterRequest(id=1, force=True), NOBODY)
    assert done == admin_service_pb2.ReplayDeadLetterResponse(
        outcome=ingest_service_pb2.WRITE_OUTCOME_DELETED, version=9, watermark=str(MARK)
    )
    assert asked == [(SAMPLE, False), (SAMPLE, True)]
    with pytest.raises(DeadLetterNotFound):
        await admin.ReplayDeadLetter(admin_service_pb2.ReplayDeadLetterRequest(id=1, force=True), NOBODY)


async def test_discarding_takes_the_letter_away_once() -> None:
    store = MemoryCatalogStore()
    await put(store, SAMPLE, SAMPLE)
    admin = admin_servicer(store)
    await admin.DiscardDeadLetter(admin_service_pb2.DiscardDeadLetterRequest(id=1), NOBODY)
    for gone in (1, 2**63 - 1):
        with pytest.raises(DeadLetterNotFound):
            await admin.DiscardDeadLetter(admin_service_pb2.DiscardDeadLetterRequest(id=gone), NOBODY)
    assert [letter.id for letter in (await listed(admin)).dead_letters] == [2]
