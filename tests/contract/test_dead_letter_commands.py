"""`ragstone admin dead-letters` over a server whose events can be applied: many at once, and what goes wrong on the way."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ragstone_server.catalog.catalog import WriteOutcome, WriteReceipt
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.cli.main import main
from ragstone_server.spi.errors import CatalogUnavailable, Overloaded, StageFailed, VersionStale
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.sources import NewDeadLetter, SourceName, SourceState, SourceStatus
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from tests.admin import admin_servicer, serving
from tests.letters import SAMPLE, Applier, put

MARK = Watermark(epoch="0", collection=CollectionKey(1), position=Position(1))
STATUS = SourceStatus(
    name=SourceName("log/documents/0"),
    state=SourceState.WAITING,
    detail="the catalog is away",
    position=90,
    lag=10,
    applied_until=SAMPLE.event_time,
)


@dataclass
class Letters:
    """A server with dead letters, and the terminal before it."""

    store: MemoryCatalogStore = field(default_factory=MemoryCatalogStore)
    address: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    applier: Applier = field(init=False)

    def __post_init__(self) -> None:
        self.applier = Applier(self.apply)

    async def apply(self, document: str, text: str, version: int | None) -> WriteReceipt:
        """Do what the name of a document says."""
        self.asked[document] += 1
        if document == "busy" and self.asked[document] < 3:
            raise Overloaded(retry_after_s=0.01)
        if document == "always-busy":
            raise Overloaded(retry_after_s=0.01)
        if document == "stale" and not self.applier.forced[-1]:
            raise VersionStale("the document was written \x1b[2Jsince")
        if document == "away":
            raise CatalogUnavailable(retry_after_s=0.01)
        if document == "unread":
            raise StageFailed(metadata={"stage": "parser"})
        return WriteReceipt(outcome=WriteOutcome.STORED, version=version or 1, passages=1, watermark=MARK)

    def put(self, *documents: str, **changed: Any) -> None:
        """Put a letter a document; ids count from 1."""
        asyncio.run(put(self.store, *(event(document, **changed) for document in documents)))

    def __call__(self, *words: str, typed: str | None = None) -> Result:
        """Call the terminal."""
        words = ("admin", "dead-letters", *words, "--server", self.address)
        return CliRunner().invoke(main, list(words), input=typed)

    def ids(self) -> list[int]:
        """Those that are there."""
        return [row["id"] for row in json.loads(self("list", "--json").stdout)["dead_letters"]]


def event(document: str, **changed: Any) -> NewDeadLetter:
    """A letter whose event is applied as its document's name says."""
    value = json.dumps({"document": document, "text": "x", "version": 4}).encode()
    return replace(SAMPLE, **{"value": value, **changed})


@pytest.fixture
def letters() -> Iterator[Letters]:
    made = Letters()
    with serving(admin_servicer(made.store, made.applier, [STATUS])) as address:
        made.address = address
        yield made


def test_one_that_is_applied_is_gone(letters: Letters) -> None:
    letters.put("a", "b")
    assert letters("replay", "2").stdout == "1 replayed\n"
    assert letters.ids() == [1]
    told = json.loads(letters("replay", "1", "--json").stdout)
    row = {"id": 1, "outcome": "stored", "version": 4, "watermark": str(MARK)}
    assert told == {"replayed": [row], "gone": [], "failed": [], "left": 0}
    again = letters("replay", "1")
    assert (again.exit_code, again.stdout) == (1, "0 replayed, 1 gone already\n")


def test_many_are_told_one_by_one_and_those_that_fail_stay(letters: Letters) -> None:
    letters.put("a", "stale", "b", "unread", "c")
    done = letters("replay", "1", "2", "3", "4", "5", "1", "77")
    assert (done.exit_code, done.stdout) == (1, "3 replayed, 1 gone already, 2 failed\n")
    assert "  2: the document was written \\x1b[2Jsince (VERSION_STALE)\n" in done.stderr
    assert "  4: A stage failed" in done.stderr
    assert "those that failed are still there" in done.stderr
    assert "discard it; one without a version can be replayed with --force" in done.stderr
    assert letters.ids() == [2, 4]
    assert letters("replay", "2", "--force").exit_code == 0
    told = letters("replay", "4", "--json")
    assert (told.exit_code, json.loads(told.stdout)["failed"][0]["reason"]) == (1, "STAGE_FAILED")


def test_all_asks_first(letters: Letters) -> None:
    letters.put("a", "b")
    refused = letters("replay", "--all", typed="n\n")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "replay 2 dead letters? [y/N]" in refused.stderr
    assert letters("discard", "--all", typed="").exit_code == 1  # nobody is there to ask
    assert letters.ids() == [1, 2]
    assert letters("replay", "--all", typed="y\n").stdout == "2 replayed\n"
    assert letters("replay", "--all").stdout == "0 replayed\n"


def test_all_of_a_reason_or_a_source(letters: Letters) -> None:
    letters.put("a", "b")
    letters.put("c", reason="DOCUMENT_TOO_LARGE")
    letters.put("d", source=SourceName("log/orders/0"))
    rows = json.loads(letters("list", "--reason", "DOCUMENT_TOO_LARGE", "--json").stdout)["dead_letters"]
    assert [row["id"] for row in rows] == [3]
    assert letters("replay", "--all", "--reason", "DOCUMENT_TOO_LARGE", "--yes").stdout == "1 replayed\n"
    assert letters("discard", "--all", "--source", "log/orders/", "--yes").stdout == "1 discarded\n"
    assert letters.ids() == [1, 2]


def test_what_cannot_be_meant_is_refused(letters: Letters) -> None:
    letters.put("a")
    for words in (
        ["replay"],
        ["replay", "1", "--all"],
        ["discard", "1", "--reason", "X"],
        ["discard", "--all", "--json"],
        ["discard", "0"],
        ["show", "1", "--json", "--value-out", "-"],
    ):
        done = letters(*words)
        assert (done.exit_code, done.stdout) == (2, ""), words
    assert letters.ids() == [1]


def test_a_server_that_is_busy_is_given_time(letters: Letters) -> None:
    letters.put("busy", "a")
    assert letters("replay", "--all", "--yes").stdout == "2 replayed\n"
    letters.put("b", "always-busy", "c")
    done = letters("replay", "--all", "--yes")
    assert (done.exit_code, done.stdout) == (1, "1 replayed, 2 not tried\n")
    assert "(OVERLOADED)" in done.stderr
    assert letters.asked["always-busy"] == 5


def test_what_is_no_fault_of_a_letter_ends_the_run_and_what_was_done_is_told(letters: Letters) -> None:
    letters.put("a", "away", "b")
    told = letters("replay", "--all", "--yes", "--json")
    assert told.exit_code == 1
    assert [row["id"] for row in json.loads(told.stdout)["replayed"]] == [1]
    assert json.loads(told.stdout)["left"] == 2
    assert "(CATALOG_UNAVAILABLE)" in told.stderr
    assert letters.ids() == [2, 3]


def test_discarded_ones_are_gone_and_their_events_are_not_applied(letters: Letters) -> None:
    letters.put("a", "b", "c")
    assert letters("discard", "1", "3").stdout == "2 discarded\n"
    told = json.loads(letters("discard", "--all", "--yes", "--json").stdout)
    assert told == {"discarded": [{"id": 2}], "gone": [], "failed": [], "left": 0}
    assert letters("list").stdout == "no dead letters\n"
    assert letters.asked.total() == 0


def test_the_status_shows_sources_and_the_number_of_letters(letters: Letters) -> None:
    letters.put("a")
    shown = CliRunner().invoke(main, ["status", "--server", letters.address]).stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["source", "state", "lag", "applied", "until", "detail"] in lines
    row = ["log/documents/0", "waiting", "10", "2026-03-01T08:00:00Z", "the", "catalog", "is", "away"]
    assert row in lines
    assert "1 dead letters; `ragstone admin dead-letters list` shows them" in shown
    status = json.loads(CliRunner().invoke(main, ["status", "--server", letters.address, "--json"]).stdout)
    assert (status["deadLetterCount"], status["sources"][0]["lag"]) == ("1", "10")
    assert "end" not in status["sources"][0]
