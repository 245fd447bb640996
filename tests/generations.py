"""Generations of a served collection, as the tests look at them."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ragstone import Client, NewDocument, Operation, OperationState
from ragstone.v1 import generation_pb2
from ragstone_server.cli.main import main
from tests.served import Served

HANDBOOK = Path(__file__).parent.parent / "handbook"
COLLECTION = "handbook"
DOCUMENTS = ("pets-and-bicycles.md", "lost-property.md", "freight-tariff-2025.html")
QUESTIONS = (
    "May I take my dog on board?",
    "What does a bicycle cost?",
    "How long is lost property kept?",
    "How much is the deposit for a reefer plug?",
)
SHORT = {"target_tokens": 40, "min_tokens": 10, "overlap_tokens": 8}
"""Settings of the chunker `structure` that cut more passages than its own."""


def terminal(server: Served, *words: str, typed: str | None = None) -> Result:
    """A command, about the handbook."""
    return CliRunner().invoke(main, [*words, "--collection", COLLECTION, "--server", server.address], input=typed)


def said(server: Served, *words: str) -> Any:
    """What a command that succeeds prints as JSON."""
    done = terminal(server, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def fill(client: Client, more: int = 0) -> None:
    """The handbook's collection, with `more` further documents."""
    client.admin.create_collection(COLLECTION)
    contents = {name: (HANDBOOK / "documents" / name).read_bytes() for name in DOCUMENTS}
    documents = [
        NewDocument(document=name, content=content, filename=name, collection=COLLECTION)
        for name, content in contents.items()
    ]
    documents += [
        NewDocument(document=f"note-{n:03}", text=note(n), collection=COLLECTION, title=f"Note {n}")
        for n in range(more)
    ]
    assert [each.error for each in client.ingest(documents) if each.error] == []


def note(number: int, word: str = "quiet") -> str:
    """Long enough for several passages."""
    lines = (f"On day {number} the {word} harbour had {number + line} boats at berth {line}." for line in range(12))
    return " ".join(lines)


def reindexed(client: Client, **settings: Any) -> int:
    """The number of a generation that is ready, with short passages unless told."""
    begun = client.admin.generations.reindex(
        collection=COLLECTION, **(settings or {"chunker": "structure", "chunker_config": SHORT})
    )
    return number_of(client.operations.wait(begun, timeout=120))


def number_of(ended: Operation) -> int:
    """Of the generation that was built."""
    assert ended.state is OperationState.SUCCEEDED, ended.error
    response = ended.result()
    assert isinstance(response, generation_pb2.ReindexResponse)
    return int(response.generation.rpartition("/")[2])


def states(client: Client) -> dict[int, str]:
    """Of all generations, by their numbers."""
    return {
        int(each.name.rpartition("/")[2]): generation_pb2.GenerationState.Name(each.state)
        .removeprefix("GENERATION_STATE_")
        .lower()
        for each in client.admin.generations.list(collection=COLLECTION)
    }


def cut(client: Client) -> frozenset[str]:
    """Ids of the passages of the live generation, all that there are."""
    written = client.admin.get_collection(COLLECTION).watermark
    found = client.retrieve("harbour", collection=COLLECTION, top_k=1000, min_watermark=written)
    return frozenset(each.chunk for each in found)


@dataclass
class Load:
    """Questions, one after the other in several threads, until it is ended; what each was answered from."""

    server: Served
    callers: int = 3
    seen: list[frozenset[str]] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """As long as the context."""
        threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(self.callers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._end.set()
            for thread in threads:
                thread.join()

    def answered(self, more: int) -> None:
        """Return when so many further answers were seen."""
        until = len(self.seen) + more
        while len(self.seen) < until and not self.failed:
            self._end.wait(0.01)

    def _ask(self, number: int) -> None:
        questions: Sequence[str] = QUESTIONS[number:] + QUESTIONS[:number]
        with self.server.client() as client:
            while not self._end.is_set():
                try:
                    for question in questions:
                        if number % 2:
                            answer = client.ask(question, collection=COLLECTION)
                            chunks = {each.chunk for each in answer.passages}
                        else:
                            chunks = {each.chunk for each in client.retrieve(question, collection=COLLECTION, top_k=30)}
                        self.seen.append(frozenset(chunks))
                except Exception as error:
                    self.failed.append(error)
                    return
