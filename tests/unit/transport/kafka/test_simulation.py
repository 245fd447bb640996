"""Random events, failures and takeovers: at the end the catalog says what the log says, read once and in order (promise P2)."""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ragstone_server.spi.errors import CatalogUnavailable, StageFailed
from ragstone_server.spi.sources import SourceName
from ragstone_server.transport.kafka import partition, working_out
from tests.unit.transport.kafka.bench import Bench, Log, Reader, Shaky, event, open_bench

SOURCES = tuple(SourceName(f"kafka/ragstone/documents/{number:05d}") for number in range(3))
DOCUMENTS = 6
EVENTS = 60


@dataclass
class Model:
    """What the log says, applied one by one by plain Python. Each document is in one partition."""

    versions: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    bad: int = 0

    def upsert(self, document: str, version: int | None, text: str) -> None:
        """An event with a text; without a version it is the next one, unless it changes nothing."""
        last = self.versions.get(document, 0)
        if version is None and self.texts.get(document) == text:
            return
        version = last + 1 if version is None else version
        if version > last:
            self.versions[document], self.texts[document] = version, text

    def delete(self, document: str, version: int | None) -> None:
        """A deletion, or a tombstone; it keeps the version as a fence."""
        last = self.versions.get(document, 0)
        if version is None:
            self.texts.pop(document, None)
        elif version > last:
            self.versions[document] = version
            self.texts.pop(document, None)


def write(dice: random.Random, log: Log, number: int, model: Model) -> None:
    """One random event."""
    document = f"p{number}-d{dice.randrange(DOCUMENTS)}"
    version = dice.choice((None, dice.randrange(1, 30)))
    text = f"text {dice.randrange(4)}"
    match dice.randrange(10):
        case 0:
            log.add(b"{", document)
            model.bad += 1
        case 1:
            log.add(None, document)
            model.delete(document, None)
        case 2 | 3:
            log.add(event(document, version), document)
            model.delete(document, version)
        case _:
            log.add(event(document, version, text), document)
            model.upsert(document, version, text)


async def run(seed: int, folder: Path) -> None:
    """One history."""
    dice = random.Random(seed)
    async with open_bench(folder) as bench:
        shaky = Shaky(bench.house.store.sources, dice, CatalogUnavailable, rate=0.1)
        bench.house.store.sources = shaky
        bench.events.prepare = sometimes(bench, dice)  # type: ignore[method-assign]
        model, logs = Model(), [Log() for _ in SOURCES]
        for _ in range(EVENTS):
            number = dice.randrange(len(logs))
            write(dice, logs[number], number, model)
        holders = [reader(bench, log, source, dice) for log, source in zip(logs, SOURCES, strict=True)]
        for each in holders:
            each.start()
        for _ in range(dice.randrange(6)):
            await asyncio.sleep(dice.random() / 200)
            number = dice.randrange(len(holders))
            await disturb(dice, bench, holders, number, logs[number])
        for each, log in zip(holders, logs, strict=True):
            await each.until(len(log.records))
        for each in holders:
            await each.stop()
            assert (each.flow.documents, each.flow.bytes) == (0, 0)
        assert {name: text for name, (_, text) in (await bench.texts()).items()} == model.texts
        assert {name: version for name, (version, _) in (await bench.texts()).items()} == {
            name: model.versions[name] for name in model.texts
        }
        assert await bench.house.store.sources.dead_letter_count() == model.bad
        for source, log in zip(SOURCES, logs, strict=True):
            moves = [(before or 0, after) for name, before, after in shaky.moves if name == source]
            assert moves == sorted(moves), "offsets only grow"
            assert [before for before, _ in moves] == [0, *(after for _, after in moves[:-1])][: len(moves)]
            assert not log.records or moves[-1][1] == len(log.records)


def reader(bench: Bench, log: Log, source: SourceName, dice: random.Random) -> Reader:
    return Reader(
        bench, log, source, seed=dice.randrange(1000), parallel=dice.randint(1, 8), commit=dice.randint(1, 9), poison=99
    )


def sometimes(bench: Bench, dice: random.Random):  # type: ignore[no-untyped-def]
    prepare = bench.events.prepare

    async def shaky(change):  # type: ignore[no-untyped-def]
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        if dice.random() < 0.05:
            raise StageFailed("the embedder is away")
        return await prepare(change)

    return shaky


async def disturb(dice: random.Random, bench: Bench, holders: list[Reader], number: int, log: Log) -> None:
    """A rebalance, a death, or a takeover from one that does not know it yet."""
    old = holders[number]
    match dice.randrange(4):
        case 0:
            await old.partition.revoke()
            old.start()
            return
        case 1:
            await old.stop()
        case 2:
            await old.die()
        case _:
            asyncio.get_running_loop().call_later(0.02, lambda: asyncio.ensure_future(old.die()))
            holders[number] = reader(bench, log, SOURCES[number], dice)
            holders[number].start()
            return
    holders[number] = reader(bench, log, SOURCES[number], dice)
    holders[number].start()


@pytest.mark.parametrize("seed", range(60))
async def test_p2_the_catalog_says_what_the_log_says(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working_out, "FIRST_PAUSE_S", 0.0001)
    monkeypatch.setattr(working_out, "LONGEST_PAUSE_S", 0.001)
    monkeypatch.setattr(partition, "LOST_S", 0.001)
    async with asyncio.timeout(30):
        await run(seed, tmp_path)
