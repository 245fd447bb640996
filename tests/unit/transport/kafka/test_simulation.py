"""Random events, failures, deaths and takeovers: at the end the catalog says what the logs say, each event once (promise P2)."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from ragstone_server.spi.errors import InternalError
from ragstone_server.spi.sources import SourceMove, SourceName
from tests.unit.transport.kafka.bench import Bench, Process, away
from tests.unit.transport.kafka.log import Log, event
from tests.unit.transport.kafka.virtual import run

SOURCES = tuple(SourceName(f"kafka/ragstone/documents/{number:05d}") for number in range(3))
DOCUMENTS = 5
EVENTS = 60
SEEDS = range(100)


@dataclass
class Model:
    """What the logs say, applied one by one by plain Python."""

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


class History:
    """One run of two consumers, between which partitions go to and fro."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        random.seed(seed)  # pauses have some jitter
        self.bench = Bench(self.dice)
        self.model = Model()
        self.logs = {source: Log() for source in SOURCES}
        self.unused = list(range(1, 200))
        self.dice.shuffle(self.unused)
        self.processes: list[Process] = []
        self.given: dict[SourceName, Process] = {}
        """Who has which, as far as the group knows."""
        self.applied: Counter[tuple[SourceName, int]] = Counter()
        self.calm = False

    def write(self) -> None:
        """A random event."""
        dice = self.dice
        source = dice.choice(SOURCES)
        log, gap = self.logs[source], dice.choice((0, 0, 0, 2))
        if dice.random() < 0.3:
            # Of a document that events of all partitions change; each of its versions comes once.
            document, version = f"all-d{dice.randrange(2)}", self.unused.pop()
        else:
            document, version = f"{source[-1]}-d{dice.randrange(DOCUMENTS)}", dice.choice((None, dice.randrange(1, 30)))
        text = f"text {dice.randrange(4)}"
        match dice.randrange(10):
            case 0:
                log.add(b"{", document, gap=gap)
                self.model.bad += 1
            case 1 if not document.startswith("all"):
                log.add(None, document, gap=gap)
                self.model.delete(document, None)
            case 2 | 3:
                log.add(event(document, version), document, gap=gap)
                self.model.delete(document, version)
            case _:
                log.add(event(document, version, text), document, gap=gap)
                self.model.upsert(document, version, text)

    async def preparing(self, change: Any) -> None:
        """Slow at times, and away at times."""
        await asyncio.sleep(self.dice.choice((0, 0, 0.01, 0.2, 3)))
        if not self.calm and self.dice.random() < 0.05:
            await away()
        if not self.calm and self.dice.random() < 0.01:
            raise InternalError("a worker died")

    async def applying(self, move: SourceMove, steps: list[Any]) -> None:
        """Nothing is left out of a transaction, whatever becomes of it."""
        begun = move.expected or 0
        records = [each for each in self.logs[move.claim.source].records if begun <= each.offset < move.next]
        assert len(records) == len(steps), (move, len(records), len(steps))
        await asyncio.sleep(self.dice.choice((0, 0, 0.05, 1)))

    def start(self) -> Process:
        """One more consumer."""
        dice = self.dice
        process = Process(
            self.bench,
            documents=dice.choice((3, 10, 40)),
            size=dice.choice((4000, 10**6)),
            parallel=dice.randint(1, 8),
            commit=dice.randint(1, 9),
            poison=1000,
            rate=dice.choice((0, 0.02, 0.1)),
            step=0.5,
        )
        self.processes.append(process)
        return process

    async def disturb(self) -> None:
        """A rebalance, a death, a freeze, or a takeover that the former holder has not heard of."""
        dice = self.dice
        source = dice.choice(SOURCES)
        old = self.given[source]
        others = [each for each in self.processes if each is not old]
        match dice.randrange(6):
            case 0:
                await old.partitions[source].revoke()
                old.assign(self.logs[source], source)
            case 1:
                old.assign(self.logs[source], source)
            case 2 if others:
                await old.lose(source)
                self.give(source, dice.choice(others))
            case 3:
                self.processes.remove(old)
                await old.die()
                self.take_over(old)
            case 4:
                old.freeze()
                await asyncio.sleep(dice.choice((1, 40)))
                self.take_over(old)
                asyncio.get_running_loop().call_later(dice.choice((0.1, 90)), old.thaw)
                asyncio.get_running_loop().call_later(95, lambda: asyncio.ensure_future(self.tell(old)))
            case _ if others:
                self.give(source, dice.choice(others))
                asyncio.get_running_loop().call_later(
                    dice.choice((0.1, 5, 30)), lambda: asyncio.ensure_future(self.tell(old))
                )

    def give(self, source: SourceName, process: Process) -> None:
        """What the group says."""
        self.given[source] = process
        process.assign(self.logs[source], source)

    def take_over(self, old: Process) -> None:
        """Another process gets what this one had."""
        others = [each for each in self.processes if each is not old]
        other = self.dice.choice(others) if others else self.start()
        for source, holder in list(self.given.items()):
            if holder is old:
                self.give(source, other)

    async def tell(self, process: Process) -> None:
        """The process hears what the group says."""
        for source in list(process.partitions):
            if self.given[source] is not process and source in process.partitions:
                await process.lose(source)

    async def run(self) -> None:
        """To the end, where nothing fails any more."""
        bench = await self.bench.open()
        bench.preparing, bench.applying = self.preparing, self.applying
        for _ in range(EVENTS):
            self.write()
        first, second = self.start(), self.start()
        for source in SOURCES:
            self.give(source, self.dice.choice((first, second)))
        for _ in range(self.dice.randrange(7)):
            await asyncio.sleep(self.dice.choice((0.01, 0.5, 5, 30)))
            await self.disturb()
        await asyncio.sleep(150)
        self.calm = True
        for process in self.processes:
            process.sources.rate = process.store.rate = 0
        for source, process in self.given.items():
            await process.until(self.logs[source].end, source)
        for process in self.processes:
            await process.stop()
            assert process.idle()
            assert process.flow.free == process.flow.parallel
        await self.check()

    async def check(self) -> None:
        """What the catalog says."""
        texts = await self.bench.texts()
        assert {name: text for name, (_, text) in texts.items()} == self.model.texts
        assert {name: version for name, (version, _) in texts.items()} == {
            name: self.model.versions[name] for name in self.model.texts
        }
        assert len(await self.bench.letters()) == self.model.bad
        for source, log in self.logs.items():
            moves = [(before, after) for name, before, after in self.bench.moves if name == source]
            assert [before for before, _ in moves] == [None, *(after for _, after in moves[:-1])], "each offset once"
            assert moves[-1][1] == log.end


@pytest.mark.parametrize("seed", SEEDS)
def test_p2_the_catalog_says_what_the_logs_say(seed: int) -> None:
    run(History(seed).run())
