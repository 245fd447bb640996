"""What becomes of an event before any transaction."""

import pytest

from ragstone_server.catalog.writes import Write
from ragstone_server.pipelines.ingest import LARGE
from ragstone_server.spi.catalog_store import VersionScheme
from ragstone_server.spi.errors import (
    CatalogUnavailable,
    DeadlineExceeded,
    DocumentBroken,
    DocumentNotFound,
    DocumentParseCrash,
    DocumentParseTimeout,
    GenerationMismatch,
    InvalidEvent,
    Overloaded,
    RequestError,
    ShuttingDown,
    StageFailed,
    StorageFull,
    VersionStale,
)
from ragstone_server.spi.sources import NewDeadLetter
from ragstone_server.transport.kafka.waiting import FIRST_PAUSE_S, LONGEST_PAUSE_S, is_transient, pauses
from ragstone_server.transport.kafka.working_out import MOST_CHARACTERS, Later, WorkOut
from tests.unit.transport.kafka.bench import SOURCE, Bench, decode_record
from tests.unit.transport.kafka.log import Log, event

UNAVAILABLE = (
    CatalogUnavailable,
    StorageFull,
    Overloaded,
    StageFailed,
    DeadlineExceeded,
    ShuttingDown,
    GenerationMismatch,
)


async def opened(scheme: VersionScheme = VersionScheme.NUMBER) -> tuple[Bench, WorkOut]:
    bench = await Bench(scheme=scheme).open()
    return bench, WorkOut(SOURCE, decode_record, bench.events(bench.store), bench.clock, bench.lane, "bound")


def failing(bench: Bench, error: Exception) -> None:
    async def preparing(change: object) -> None:
        raise error

    bench.preparing = preparing


async def test_an_event_becomes_a_write_that_knows_its_weight() -> None:
    _, work_out = await opened()
    step = await work_out(Log().add(event("a", 1, "x" * 1000), "a"), 0)
    assert isinstance(step, Write)
    assert step.weight > 1000


@pytest.mark.parametrize("error", UNAVAILABLE)
async def test_what_is_away_is_tried_again_without_end(error: type[RequestError]) -> None:
    bench, work_out = await opened()
    failing(bench, error("it is away"))
    with pytest.raises(Later, match="it is away") as caught:
        await work_out(Log().add(event("a", 1, "x"), "a"), 1000)
    assert not caught.value.suspect
    assert is_transient(error())


@pytest.mark.parametrize("error", [DocumentBroken, InvalidEvent])
async def test_what_is_wrong_for_ever_is_a_letter_at_once(error: type[RequestError]) -> None:
    bench, work_out = await opened()
    failing(bench, error("it is broken"))
    record = Log().add(event("a", 1, "x"), "a")
    letter = await work_out(record, 0)
    assert isinstance(letter, NewDeadLetter)
    assert (letter.reason, letter.message, letter.bound) == (str(error.reason), "it is broken", "bound")
    assert (letter.key, letter.value, letter.headers) == (record.key, record.value, record.headers)
    assert (letter.event_time, letter.failed) == (record.time, bench.clock.now())


@pytest.mark.parametrize("error", [VersionStale, DocumentNotFound])
async def test_what_came_late_or_for_what_is_gone_leaves_nothing(error: type[RequestError]) -> None:
    bench, work_out = await opened()
    failing(bench, error())
    assert isinstance(await work_out(Log().add(event("a", 1, "x"), "a"), 0), error)


@pytest.mark.parametrize(
    "error", [DocumentParseCrash("a worker died"), DocumentParseTimeout("a worker died"), ValueError("a worker died")]
)
async def test_what_may_be_the_event_s_fault_is_tried_three_times(error: Exception) -> None:
    bench, work_out = await opened()
    failing(bench, error)
    record = Log().add(event("a", 1, "x"), "a")
    for failures in range(2):
        with pytest.raises(Later, match="a worker died") as caught:
            await work_out(record, failures)
        assert caught.value.suspect
    letter = await work_out(record, 2)
    assert isinstance(letter, NewDeadLetter)
    assert letter.reason == (str(error.reason) if isinstance(error, RequestError) else "INTERNAL")


async def test_a_reason_that_quotes_what_it_choked_on_can_be_stored_and_sent() -> None:
    bench, work_out = await opened()
    failing(bench, InvalidEvent("\ud800\0 in " + "x" * 10_000))
    letter = await work_out(Log().add(event("a", 1, "x"), "a"), 0)
    assert isinstance(letter, NewDeadLetter)
    assert letter.message.startswith("?\N{REPLACEMENT CHARACTER} in xxx")
    assert len(letter.message) <= MOST_CHARACTERS


async def test_a_large_event_is_decoded_aside() -> None:
    bench, work_out = await opened()
    await work_out(Log().add(event("a", 1, "x " * 100), "a"), 0)
    assert bench.lane.calls == 0
    await work_out(Log().add(b" " * LARGE + b"{broken", "b"), 0)
    assert bench.lane.calls == 1


@pytest.mark.parametrize("at_ms", [2**62, -1, 0])
async def test_a_time_that_is_none_orders_nothing(at_ms: int) -> None:
    """Any number may stand there; a version of the year 30000 would keep out all that comes after."""
    _, work_out = await opened(VersionScheme.EVENT_TIME)
    letter = await work_out(Log().add(event("a", None, "x"), "a", at_ms=at_ms), 0)
    assert isinstance(letter, NewDeadLetter)
    assert letter.reason == "VERSION_SCHEME_MISMATCH"


def test_pauses_grow_to_a_bound() -> None:
    made = [pause for pause, _ in zip(pauses(), range(20), strict=False)]
    assert FIRST_PAUSE_S / 2 <= made[0] <= FIRST_PAUSE_S
    assert all(LONGEST_PAUSE_S / 2 <= pause <= LONGEST_PAUSE_S for pause in made[10:])
