"""Questions beside writing at a steady rate."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ragstone import Client, NewDocument, Outcome
from ragstone_server.bench.load import Load, measure
from ragstone_server.bench.process import Measured

PASSAGES_PER_S: Final = 100
JOINED: Final = 4
"""Short texts of the corpus that make a passage: about 80 tokens, and a second's passages take a core a second to embed."""
CALLS: Final = 1000
RAMP_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One caller, without and with the writing."""

    idle: Load
    writing: Load
    passages_per_s: float
    """That were acknowledged."""

    @property
    def p95_ratio(self) -> float:
        """With to without."""
        return self.writing.p95_ms / self.idle.p95_ms


def measure_writing(
    server: Measured, collection: str, texts: Sequence[str], method: str, calls: Sequence[bytes]
) -> Beside:
    """What was written is deleted again."""
    calls = calls[:CALLS]
    idle = measure(server, method, calls, 1)
    writer = _Writer(server.address, collection, texts)
    writer.start()
    try:
        time.sleep(RAMP_S)
        before, began = writer.written, time.perf_counter()
        load = measure(server, method, calls, 1)
        rate = (writer.written - before) / (time.perf_counter() - began)
    finally:
        writer.end()
    return Beside(idle=idle, writing=load, passages_per_s=rate)


class _Writer(threading.Thread):
    """Sends new documents of one passage, evenly."""

    def __init__(self, address: str, collection: str, texts: Sequence[str]) -> None:
        super().__init__(name="writer")
        self.written = 0
        self._client = Client(address)
        self._collection = collection
        self._texts = texts
        self._sent: list[str] = []
        self._ended = threading.Event()

    def run(self) -> None:
        with self._client:
            for acknowledgement in self._client.ingest(self._documents()):
                self.written += acknowledgement.outcome is Outcome.STORED
            for document in self._sent:
                self._client.delete_document(document, collection=self._collection)

    def _documents(self) -> Iterator[NewDocument]:
        began, choice = time.monotonic(), random.Random(time.time_ns())  # noqa: S311
        while not self._ended.wait(began + len(self._sent) / PASSAGES_PER_S - time.monotonic()):
            name = f"beside-{len(self._sent)}"
            self._sent.append(name)
            text = " ".join(choice.choices(self._texts, k=JOINED))
            yield NewDocument(document=name, text=text, collection=self._collection)

    def end(self) -> None:
        """Send no more, and delete what was sent."""
        self._ended.set()
        self.join()
