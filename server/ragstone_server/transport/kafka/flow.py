"""How much is held and worked out at once, and whose turn it is (promise P11)."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol


class Worker(Protocol):
    """A source whose events are worked out."""

    @property
    def running(self) -> int:
        """How many are being worked out."""
        ...

    def begin_one(self) -> bool:
        """Begin to work out the next event, if there is one that may begin; whether there was."""
        ...


@dataclass(slots=True)
class Budget:
    """Something of which all sources together hold so much at most.

    Half of it is shared out: a source that is stuck with all that it may hold leaves each of the others its share.
    """

    most: int
    used: int = 0

    def full(self, held: int, sources: int) -> bool:
        """Whether a source that holds so much is to take no more."""
        share, common = self._shares(sources)
        return held >= share and self.used >= common

    def roomy(self, held: int, sources: int) -> bool:
        """Whether taking more is worth while again."""
        share, common = self._shares(sources)
        return 2 * held <= share or 2 * self.used <= common

    def _shares(self, sources: int) -> tuple[int, int]:
        share = max(1, self.most // (2 * max(1, sources)))
        return share, self.most - share * (sources - 1)


class Flow:
    """Bounds what the sources of a process hold, and gives each its turn."""

    def __init__(self, max_documents: int, max_bytes: int, parallel: int) -> None:
        self.documents = Budget(max_documents)
        self.bytes = Budget(max_bytes // 2)
        """Of records as they came; the other half is for what is worked out of them."""
        self.worked_out = 0
        """Bytes of what was worked out of them, and waits to be applied."""
        self.held_up = ""
        """Why nothing more is to be taken, beside these limits; empty: nothing."""
        self.alone = asyncio.Lock()
        """Held by the source that tries what may have ended a former process, so that no other is blamed."""
        self._most_bytes = max_bytes
        self.parallel = parallel
        self.free = parallel
        """Places to work out an event that nobody has."""
        self._workers: deque[Worker] = deque()

    @property
    def heavy(self) -> bool:
        """Whether nothing more is to be worked out that would have to wait for others."""
        return self.bytes.used + self.worked_out >= self._most_bytes

    def join(self, worker: Worker) -> None:
        """A source begins."""
        self._workers.append(worker)

    def leave(self, worker: Worker) -> None:
        """A source has ended, and holds nothing."""
        if worker in self._workers:
            self._workers.remove(worker)

    def full(self, documents: int, size: int) -> bool:
        """Whether a source that holds so many documents of so many bytes is to take no more."""
        sources = len(self._workers)
        return self.documents.full(documents, sources) or self.bytes.full(size, sources)

    def roomy(self, documents: int, size: int) -> bool:
        """Whether it may take more again; a little less than not `full`, since pausing has its price."""
        sources = len(self._workers)
        return self.documents.roomy(documents, sources) and self.bytes.roomy(size, sources)

    def fill(self) -> None:
        """Begin what may begin, each source in its turn; to be called whenever something has changed."""
        passed = 0
        while self.free and passed < len(self._workers):
            worker = self._workers[0]
            self._workers.rotate(-1)
            if (worker.running and self._kept()) or not worker.begin_one():
                passed += 1
            else:
                passed = 0

    def _kept(self) -> bool:
        """Whether the last places are for those that have none, so that one whose events hang does not stop the others."""
        return self.free <= -(-self.parallel // 8) < self.parallel and not all(each.running for each in self._workers)

    def take_place(self) -> None:
        """One more is worked out."""
        self.free -= 1

    def leave_place(self) -> None:
        """One less is."""
        self.free += 1
        self.fill()
