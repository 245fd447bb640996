"""What a query sees while a document changes: one version, never a deleted or forbidden one, however far the views are.

The lexical view is stopped for good after its first batch, as by a disk that hangs; the vector view goes on.
"""

import threading
import time
from collections.abc import Iterator

import pytest

from ragstone import Client, Completed, DeadlineExceeded, NewDocument, NotFound, Outcome
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.support.server import RunningServer
from tests.support.waiting import until

FIRST = {f"d{i}": f"The ferry number {i} leaves at nine." for i in range(4)}


@pytest.fixture(scope="module")
def halted() -> Iterator[RunningServer]:
    """A server whose lexical view holds the first versions and takes up nothing more."""
    settings = {"RAGSTONE__INDEXING__REFRESH_SECONDS": "0.02", "RAGSTONE__GRPC__HEARTBEAT_SECONDS": "0.1"}
    armed = {VARIABLE: f"{FailPoint.LEXICAL_BEFORE_COMMIT}=sleep@2"}
    with RunningServer(**settings).armed(armed) as server:
        with server.client() as client:
            # One transaction, so that it is one batch of the view.
            client.admin.create_collection("other")
            client.upsert_document("d0", text=FIRST["d0"])
            client.retrieve("ferry", min_watermark="session")
            client.upsert_document("d0", text="The ferry number 0 leaves at ten.")
            until(lambda: _positions(client) == (2, 1))
        yield server


@pytest.fixture
def client(halted: RunningServer) -> Iterator[Client]:
    with halted.client() as client:
        yield client


def _positions(client: Client) -> tuple[int, ...]:
    return tuple(view.position for view in sorted(client.admin.status().views, key=lambda view: view.view))


def test_p2_former_and_new_version_never_answer_together(client: Client) -> None:
    hits = client.retrieve("when does the ferry number 0 leave", top_k=50)
    assert [(p.document, p.version, p.text) for p in hits] == [("d0", 2, "The ferry number 0 leaves at ten.")]
    answer = client.ask("When does the ferry number 0 leave?")
    assert "nine" not in answer.text
    assert {p.text for p in answer.passages} == {"The ferry number 0 leaves at ten."}


def test_p5_a_stream_that_waits_shows_that_it_lives_and_ends_with_a_status(client: Client) -> None:
    client.upsert_document("new", text="The tram to the harbour is new.")
    kinds, seqs = [], []
    with pytest.raises(DeadlineExceeded) as error:
        for response in client.responses("Is the tram new?", min_watermark="session", timeout=1.5):
            kinds.append(response.WhichOneof("event"))
            seqs.append(response.seq)
    assert error.value.reason in {"DEADLINE_EXCEEDED", ""}  # the server's, or the client's own, whichever was first
    assert kinds[0] == "started"
    assert set(kinds[1:]) == {"heartbeat"}
    assert seqs == list(range(1, len(seqs) + 1))


def test_p4_readers_that_are_taken_away_see_nothing_at_once(client: Client) -> None:
    text = "The combination of the safe is on the back of the clock."
    client.upsert_document("safe", text=text)
    until(lambda: "safe" in {p.document for p in client.retrieve("combination of the safe")})
    moved = client.upsert_document("safe", text=text, readers=["user:somebody-else"])
    assert moved.outcome is Outcome.UNCHANGED
    assert "safe" not in {p.document for p in client.retrieve("combination of the safe", top_k=50)}
    assert "clock" not in client.ask("Where is the combination of the safe?").text
    with pytest.raises(NotFound):
        client.get_document("safe")


def test_metadata_that_changed_filter_at_once(client: Client) -> None:
    text = "The lighthouse of Fallay is being painted."
    client.upsert_document("lighthouse", text=text, metadata={"state": "draft"})
    until(lambda: client.retrieve("lighthouse of Fallay", filter="state = draft"))
    client.upsert_document("lighthouse", text=text, metadata={"state": "final"})
    assert client.retrieve("lighthouse of Fallay", filter="state = draft") == []


def test_p9_a_deleted_document_is_gone_before_any_view_knows(client: Client) -> None:
    client.upsert_document("doomed", text="The old crane will be scrapped in May.")
    until(lambda: "doomed" in {p.document for p in client.retrieve("old crane scrapped")})
    client.delete_document("doomed")
    assert "doomed" not in {p.document for p in client.retrieve("old crane scrapped", top_k=50)}
    assert "May" not in client.ask("When will the old crane be scrapped?").text


def test_a_view_that_hangs_in_one_collection_leaves_the_others_alone(client: Client) -> None:
    stored = list(client.ingest(NewDocument(document=d, text=t, collection="other") for d, t in FIRST.items()))
    assert {a.outcome for a in stored} == {Outcome.STORED}
    until(lambda: len(client.retrieve("ferry number", collection="other")) == len(FIRST))
    events = list(client.query("When does the ferry number 3 leave?", collection="other"))
    assert isinstance(events[-1], Completed)
    assert "nine" in events[-1].text


def test_p2_a_document_is_there_in_one_version_while_it_is_replaced(guest: Client, collection: str) -> None:
    def text(version: int) -> str:
        return f"The bell of the tower was cast {version} times."

    guest.upsert_document("bell", text=text(1), version=1, collection=collection)
    guest.retrieve("bell", collection=collection, min_watermark="session")
    stopped = threading.Event()
    wrong: list[list[tuple[int, str]]] = []
    looks = 0

    def look() -> None:
        nonlocal looks
        last = 0
        while not stopped.is_set():
            hits = guest.retrieve("how often was the bell of the tower cast", collection=collection, top_k=50)
            found = [(p.version, p.text) for p in hits]
            looks += 1
            if len(found) != 1 or found[0] != (found[0][0], text(found[0][0])) or found[0][0] < last:
                wrong.append(found)
                return
            last = found[0][0]

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for version in range(2, 40):
            guest.upsert_document("bell", text=text(version), version=version, collection=collection)
            time.sleep(0.03)
    finally:
        stopped.set()
        reader.join()
    assert wrong == []
    assert looks > 0
    (hit,) = guest.retrieve("bell tower", collection=collection, min_watermark="session")
    assert hit.version == 39
