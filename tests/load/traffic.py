"""Mixed traffic on a served server: readers, writers and deleters, and what they know of its state."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ragstone import NewDocument
from tests.served import Served

TOPICS = ("ferry", "harbour", "crane", "cargo", "pilot", "tide", "anchor", "beacon", "lock", "quay")
COLOURS = ("red", "green", "blue")
BATCH = 20


@dataclass(slots=True)
class Known:
    """What was acknowledged."""

    living: dict[str, int] = field(default_factory=dict)
    """Versions by document."""
    deleted: set[str] = field(default_factory=set)
    """Documents that are gone, and never come again."""
    written: int = 0
    answered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Traffic:
    """Keeps about `documents` documents. What goes wrong in a thread is raised at the end."""

    def __init__(self, served: Served, documents: int, seed: int) -> None:
        self.known = Known()
        self._served = served
        self._documents = documents
        self._chance = random.Random(seed)
        self._ended = threading.Event()
        self._wrong: list[BaseException] = []

    @property
    def ended(self) -> bool:
        """Whether something went wrong."""
        return self._ended.is_set()

    @contextmanager
    def flowing(self, readers: int = 2) -> Iterator[Known]:
        """Until the context is left."""
        work: list[Callable[[], None]] = [self._write, *[self._read] * readers]
        threads = [threading.Thread(target=self._guarded, args=(each,)) for each in work]
        for thread in threads:
            thread.start()
        try:
            yield self.known
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()
        if self._wrong:
            raise self._wrong[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._wrong.append(error)
            self._ended.set()

    def _write(self) -> None:
        """New documents, new versions of old ones, and deletions of some."""
        number = 0
        with self._served.client() as client:
            while not self._ended.is_set():
                batch = []
                for _ in range(BATCH):
                    number += 1
                    batch.append(self._document(number))
                for acknowledgement in client.ingest(batch):
                    assert acknowledgement.error is None, acknowledgement
                    with self.known.lock:
                        self.known.living[acknowledgement.document] = acknowledgement.version
                        self.known.written += 1
                while len(self.known.living) > self._documents:
                    gone = self._chance.choice(sorted(self.known.living))
                    client.delete_document(gone)
                    with self.known.lock:
                        del self.known.living[gone]
                        self.known.deleted.add(gone)

    def _document(self, number: int) -> NewDocument:
        known = sorted(self.known.living)
        again = known and self._chance.random() < 0.3
        name = self._chance.choice(known) if again else f"d{number}"
        topics = " ".join(self._chance.choices(TOPICS, k=5))
        colour = self._chance.choice(COLOURS)
        return NewDocument(document=name, text=f"Notice {number} of the {topics}.", metadata={"colour": colour})

    def _read(self) -> None:
        chance = random.Random(self._chance.random())
        with self._served.client() as client:
            while not self._ended.is_set():
                with self.known.lock:
                    gone = set(self.known.deleted)
                colour = chance.choice((*COLOURS, None))
                chosen = None if colour is None else f'colour = "{colour}"'
                passages = client.retrieve(" ".join(chance.choices(TOPICS, k=3)), top_k=20, filter=chosen)
                found = [passage.document for passage in passages]
                assert not gone.intersection(found), "a deleted document answered"
                assert len(set(found)) == len(found), "a document answered twice"
                self.known.answered += 1
