"""`ragstone serve` with its catalog in PostgreSQL: the same answers as with SQLite, and what callers hear of an outage."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from ragstone import Client, NewDocument, NotFound, Unavailable
from tests.served import Served
from tests.services.postgresql import PostgreSQL

HANDBOOK = Path(__file__).parent.parent.parent.parent / "handbook" / "documents"
DOCUMENTS = (
    "about-halvern-ferries.md",
    "accessibility.html",
    "crew-onboarding.docx",
    "fares-2024.html",
    "fares-2025.html",
    "fleet-register.md",
    "freight-tariff-2025.html",
    "lost-property.md",
    "mv-dunlin-charging-procedure.pdf",
    "pets-and-bicycles.md",
)
SETTLED = (
    "What does a bicycle cost?",
    "How long is lost property kept?",
    "Who composed the opera about the moon of Zarmina?",
)
"""There is nothing close beside what answers them."""
QUESTIONS = (
    "How much is the deposit for a reefer plug?",
    "At what state of charge may MV Dunlin not leave the quay with passengers?",
    "May I take my dog on board?",
    *SETTLED,
)
CONFIGURATION = '[catalog]\nuse = "postgresql"\nurl = "env:RAGSTONE_POSTGRESQL_URL"\n'


def configured(tmp_path: Path, name: str, url: str, more: str = "") -> Served:
    """A server whose configuration lies where it starts, as operators write it."""
    folder = tmp_path / f"{name}-folder"
    folder.mkdir()
    (folder / "ragstone.toml").write_text(CONFIGURATION + more)
    return Served(tmp_path / name, folder=folder, RAGSTONE_POSTGRESQL_URL=url)


@pytest.fixture
def postgresql_served(catalog_url: str, tmp_path: Path) -> Iterator[Served]:
    with configured(tmp_path, "postgresql", catalog_url) as served:
        yield served


@dataclass(frozen=True)
class Said:
    """What a caller is told, but for what is a server's own."""

    found: tuple[tuple[str, int | None, str, float], ...]
    text: str
    abstention: object
    cited: tuple[tuple[str, int, int], ...]


class Told:
    """A server that is given documents and asked questions, whichever of its processes it is at the time."""

    def __init__(self, server: Served) -> None:
        self.server = server
        self._watermark = ""

    def write(self) -> None:
        with self.server.client() as client:
            for name in DOCUMENTS:
                content = (HANDBOOK / name).read_bytes()
                self._watermark = client.upsert_document(name, content=content, filename=name, version=1).watermark

    def change(self) -> None:
        """Delete a document, and replace another one."""
        text = "Dogs travel free, bicycles cost 7 euros."
        with self.server.client() as client:
            client.delete_document("freight-tariff-2025.html", version=2)
            self._watermark = client.upsert_document("pets-and-bicycles.md", text=text, version=2).watermark
            with pytest.raises(NotFound):
                client.get_document("freight-tariff-2025.html")

    def said(self) -> list[Said]:
        """To each question, with all that was written."""
        with self.server.client() as client:
            return [self._said(client, question) for question in QUESTIONS]

    def _said(self, client: Client, question: str) -> Said:
        found = client.retrieve(question, min_watermark=self._watermark)
        answer = client.ask(question, min_watermark=self._watermark)
        assert (found.degraded, answer.degraded) == ((), ())
        return Said(
            found=tuple((each.document, each.page, each.text, round(each.score, 4)) for each in found),
            text=answer.text,
            abstention=answer.abstention,
            cited=tuple((each.document, each.start, each.end) for each in answer.citations),
        )


def answers(said: list[Said]) -> list[tuple[object, ...]]:
    """To what is settled. Scores by words lean on what was deleted until the index is merged, which takes its own time."""
    return [(each.text, each.abstention, each.cited) for each in said[-len(SETTLED) :]]


def test_answers_are_those_of_sqlite_from_the_first_document_to_the_last_restart(
    postgresql_served: Served, catalog_url: str, tmp_path: Path
) -> None:
    with Served(tmp_path / "sqlite", folder=tmp_path) as local:
        told, expected = Told(postgresql_served), Told(local)
        for each in (told, expected):
            each.write()
        first = told.said()
        assert first == expected.said()
        assert "340 euros" in first[0].text
        assert first[-1].abstention is not None

        for each in (told, expected):
            each.change()
        second = told.said()
        assert answers(second) == answers(expected.said())
        assert not any("340 euros" in text for _, _, text, _ in second[0].found)
        assert any("7 euros" in text for _, _, text, _ in second[3].found)

        for each in (told, expected):
            each.server.kill()
            each.server.start()
        assert answers(told.said()) == answers(expected.said()) == answers(second)

        # What a server has of its own may be lost: its views are built again from the catalog.
        assert postgresql_served.terminate() == 0
        with configured(tmp_path, "other", catalog_url) as told.server:
            assert answers(told.said()) == answers(second)
    with psycopg.connect(catalog_url) as connection:
        assert connection.execute("SELECT count(*) FROM document").fetchone() == (len(DOCUMENTS) - 1,)


def test_a_stream_of_documents_is_stored_by_groups(postgresql_served: Served) -> None:
    with postgresql_served.client() as client:
        sent = (NewDocument(document=f"d{n}", text=f"The ferry number {n} leaves at nine.") for n in range(200))
        acknowledged = list(client.ingest(sent))
        assert [each.error for each in acknowledged if each.error] == []
        assert len(acknowledged) == 200
        answer = client.ask("When does the ferry number 77 leave?", min_watermark="session")
        assert "nine" in answer.text
        assert len(list(client.list_documents())) == 200


def test_callers_are_told_of_an_outage_and_served_after_it(
    postgresql_server: PostgreSQL, own_url: str, tmp_path: Path
) -> None:
    """With the reason and a time to come back; the server needs no restart."""
    hasty = "connect_timeout_seconds = 1\n"
    with configured(tmp_path, "data", own_url, hasty) as server, server.client() as client:
        client.upsert_document("ferry", text="The ferry leaves at nine.", version=1)
        postgresql_server.kill()
        for call in (
            lambda: client.upsert_document("tram", text="The tram leaves at ten.", version=1),
            lambda: client.ask("When does the ferry leave?"),
        ):
            with pytest.raises(Unavailable) as refused:
                call()
            assert refused.value.reason == "CATALOG_UNAVAILABLE"
            assert refused.value.retry_after
        assert server.alive()
        postgresql_server.start()
        for _ in range(100):  # each waits for a connection
            with suppress(Unavailable):
                client.upsert_document("tram", text="The tram leaves at ten.", version=1)
                break
        # The views are tried again after a pause, which has grown by then.
        deadline = time.monotonic() + 60
        while "ten" not in (answer := client.ask("When does the tram leave?", min_watermark="session")).text:
            assert answer.degraded
            assert time.monotonic() < deadline
        assert "nine" in client.ask("When does the ferry leave?", min_watermark="session").text
        assert server.terminate() == 0
