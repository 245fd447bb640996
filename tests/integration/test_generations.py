"""Generations through a served server and the terminal: built, compared, activated under load, rolled back, deleted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragstone import Client, FailedPrecondition, InvalidArgument, NotFound, OperationState, RagstoneError
from ragstone.v1 import generation_pb2
from tests.generations import (
    COLLECTION,
    QUESTIONS,
    SHORT,
    Load,
    cut,
    fill,
    note,
    number_of,
    reindexed,
    said,
    states,
    terminal,
)
from tests.served import Served

SET_SHORT = [word for key, value in SHORT.items() for word in ("--chunker-set", f"{key}={value}")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path / "data") as served:
        with served.client() as client:
            fill(client)
            cut(client)  # its views have all of it then
        yield served


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with server.client() as client:
        yield client


def test_from_one_chunker_to_another_and_back(server: Served, client: Client) -> None:
    """As an operator does it, at the terminal."""
    for question in QUESTIONS:
        client.retrieve(question, collection=COLLECTION)
    before = cut(client)
    built = terminal(server, "admin", "generations", "reindex", "--chunker", "structure", *SET_SHORT)
    assert (built.exit_code, built.stderr) == (0, ""), built.output
    assert built.stdout.startswith("generation 2 is ready: 3 documents, ")
    assert cut(client) == before, "it is not live yet"
    (first, second) = said(server, "admin", "generations", "list")["generations"]
    assert (first["state"], second["state"]) == ("GENERATION_STATE_LIVE", "GENERATION_STATE_READY")
    assert first["embedder"] == second["embedder"]
    assert first["chunker"] != second["chunker"]
    assert second["chunkerChoice"] == {"use": "structure", "config": SHORT}
    assert "* " in terminal(server, "admin", "generations", "list").stdout

    compared = terminal(server, "admin", "generations", "compare", "2", *(f"-q{q}" for q in QUESTIONS)).stdout
    assert compared.startswith("generation 2 beside 1, 4 questions, the first 10 passages:\n")
    everything = said(
        server, "admin", "generations", "compare", "2", "1", "--top-k", "5", *(f"-q{q}" for q in QUESTIONS)
    )
    assert everything["topK"] == 5
    assert {each["question"] for each in everything["questions"]} == set(QUESTIONS)
    assert 0 < everything["textOverlap"] < 1
    ranked = {each["chunk"] for question in everything["questions"] for each in question["base"]}
    assert ranked <= before
    assert not {each["chunk"] for question in everything["questions"] for each in question["compared"]} & ranked

    assert terminal(server, "admin", "generations", "activate", "2").stdout == "generation 2 answers\n"
    after = cut(client)
    assert len(after) > len(before)
    assert not after & before
    client.upsert_document("new", text=note(7), collection=COLLECTION)
    assert cut(client) > after
    assert terminal(server, "admin", "generations", "roll-back").stdout == "generation 1 answers again\n"
    back = cut(client)
    assert back > before, "what was written while it was not live is there"
    assert not back & after

    refused = terminal(server, "admin", "generations", "delete", "2", typed="n\n")
    assert (refused.exit_code, states(client)) == (1, {1: "live", 2: "former"})
    deleted = terminal(server, "admin", "generations", "delete", "2", "--yes")
    assert (deleted.exit_code, deleted.stdout) == (0, "deleted generation 2\n")
    assert states(client) == {1: "live"}
    assert cut(client) == back
    assert reindexed(client) == 3, "no number is given twice"


def test_another_embedder(client: Client) -> None:
    """Two embedders are open at once, and each question is embedded by that of its generation."""
    number = reindexed(client, embedder="onnx", embedder_config={"max_tokens": 64})
    first, second = client.admin.generations.list(collection=COLLECTION)
    assert first.embedder != second.embedder
    (compared,) = client.admin.generations.compare(number, collection=COLLECTION, questions=QUESTIONS[:1]).questions
    assert list(compared.degraded) == []
    assert compared.base[0].document == compared.compared[0].document == "pets-and-bicycles.md"
    client.admin.generations.activate(number, collection=COLLECTION)
    found = client.retrieve(QUESTIONS[0], collection=COLLECTION)
    assert (found[0].document, found.degraded) == ("pets-and-bicycles.md", ())
    assert "dense" in found[0].scores


def test_switching_under_load_fails_no_question_and_mixes_no_answer(server: Served, client: Client) -> None:
    """With questions, answers and writes going on, several times to and fro."""
    old = cut(client)
    reindexed(client)
    load = Load(server)
    with load.running():
        load.answered(20)
        for turn in range(6):
            if turn % 2:
                client.admin.generations.roll_back(collection=COLLECTION)
            else:
                client.admin.generations.activate(2, collection=COLLECTION)
            client.upsert_document(f"note-{turn}", text=note(turn), collection=COLLECTION)
            load.answered(20)
    assert load.failed == []
    old |= cut(client)
    client.admin.generations.activate(2, collection=COLLECTION)
    new = cut(client)
    assert not old & new
    mixed = [seen for seen in load.seen if seen & old and seen & new]
    assert mixed == []
    assert {bool(seen & new) for seen in load.seen} == {True, False}, "both have answered"
    assert all(seen <= old | new for seen in load.seen)


def test_what_is_written_while_it_is_built_is_in_it(server: Served, client: Client) -> None:
    """New documents, new versions and deletions, before and behind the place where the reindex is."""
    for n in range(60):
        client.upsert_document(f"note-{n:03}", text=note(n), collection=COLLECTION)
    begun = client.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
    for n in range(0, 60, 3):
        client.upsert_document(f"note-{n:03}", text=note(n, "busy"), collection=COLLECTION)
        client.delete_document(f"note-{n + 1:03}", collection=COLLECTION)
        client.upsert_document(f"late-{n:03}", text=note(n, "late"), collection=COLLECTION)
    number = number_of(client.operations.wait(begun, timeout=120))
    client.admin.generations.activate(number, collection=COLLECTION)
    found = client.retrieve("harbour boats berth", collection=COLLECTION, top_k=1000, min_watermark="session")
    words = {each.document: {w for w in ("quiet", "busy", "late") if w in each.text} for each in found}
    expected = {f"note-{n:03}": {"busy" if n % 3 == 0 else "quiet"} for n in range(60) if n % 3 != 1}
    expected |= {f"late-{n:03}": {"late"} for n in range(0, 60, 3)}
    assert {name: seen for name, seen in words.items() if name[:5] in ("note-", "late-")} == expected
    verified = client.operations.wait(client.admin.verify(COLLECTION), timeout=60).result()
    assert list(verified.findings) == []  # type: ignore[union-attr]


def test_a_reindex_goes_on_after_a_kill(tmp_path: Path) -> None:
    """The new generation is what it would have been."""
    with Served(tmp_path / "data", RAGSTONE__OPERATIONS__TAKEOVER_SECONDS="3600") as server:
        with server.client() as client:
            fill(client, more=150)
            begun = client.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
            until_some_are_done(client, begun.id)
        server.kill()
        server.start()
        with server.client() as client:
            number = number_of(client.operations.wait(begun, timeout=120))
            again = client.operations.get(begun).result()
            assert isinstance(again, generation_pb2.ReindexResponse)
            assert again.documents == 153
            assert states(client) == {1: "live", number: "ready"}
            client.admin.generations.activate(number, collection=COLLECTION)
            resumed = cut(client)
            client.admin.generations.roll_back(collection=COLLECTION)
            client.operations.wait(client.admin.generations.delete(number, collection=COLLECTION), timeout=60)
            client.admin.generations.activate(reindexed(client), collection=COLLECTION)
            assert cut(client) == resumed


def test_a_cancelled_reindex_is_gone_on_with(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as server, server.client() as client:
        fill(client, more=150)
        begun = client.admin.generations.reindex(collection=COLLECTION, chunker="structure", chunker_config=SHORT)
        until_some_are_done(client, begun.id)
        client.operations.cancel(begun)
        ended = client.operations.wait(begun, timeout=60)
        assert ended.state is OperationState.CANCELLED
        assert states(client) == {1: "live", 2: "building"}
        for call in (
            lambda: client.admin.generations.activate(2, collection=COLLECTION),
            lambda: client.admin.generations.compare(2, collection=COLLECTION, questions=["when?"]),
        ):
            with pytest.raises(FailedPrecondition) as refused:
                call()
            assert refused.value.reason == "GENERATION_NOT_READY"
        assert reindexed(client) == 2, "the same reindex goes on with it"
        assert states(client) == {1: "live", 2: "ready"}


def until_some_are_done(client: Client, operation: int) -> None:
    """Return in the middle of a reindex."""
    for seen in client.operations.watch(operation, every=0.02):
        assert not seen.done, "it was too quick to be stopped"
        if isinstance(seen.metadata, generation_pb2.ReindexMetadata) and seen.metadata.documents_done:
            return


def test_questions_are_recorded_listed_and_purged(server: Served, client: Client) -> None:
    """Also over a restart; comparing asks the latest."""
    for question in (*QUESTIONS, QUESTIONS[0]):
        client.retrieve(question, collection=COLLECTION)
    server.terminate()
    server.start()
    with server.client() as again:
        reindexed(again)
        everything = said(server, "admin", "questions", "list")["questions"]
        listed = [each for each in everything if each["question"] in QUESTIONS]
        assert {each["question"]: each["times"] for each in listed} == {
            question: "2" if question == QUESTIONS[0] else "1" for question in QUESTIONS
        }
        assert listed[0]["question"] == QUESTIONS[0]
        compared = again.admin.generations.compare(2, collection=COLLECTION, sample=3)
        assert {each.question for each in compared.questions} == {QUESTIONS[0], *QUESTIONS[2:]}
        assert "May I take" in terminal(server, "admin", "questions", "list", "--limit", "1").stdout
        assert terminal(server, "admin", "questions", "purge", "--yes").stdout == "5 deleted\n"
        assert terminal(server, "admin", "questions", "list").stdout == "no questions\n"
        assert "none is recorded yet" in terminal(server, "admin", "generations", "compare", "2").stdout


def test_what_cannot_be_done_is_said(server: Served, client: Client) -> None:
    generations = client.admin.generations
    refusals: list[tuple[object, type[RagstoneError], str]] = [
        (lambda: generations.activate(7, collection=COLLECTION), NotFound, "GENERATION_NOT_FOUND"),
        (lambda: generations.compare(7, collection=COLLECTION), NotFound, "GENERATION_NOT_FOUND"),
        (lambda: generations.compare(1, collection=COLLECTION), InvalidArgument, "INVALID_REQUEST"),
        (lambda: generations.delete(7, collection=COLLECTION), NotFound, "GENERATION_NOT_FOUND"),
        (lambda: generations.delete(1, collection=COLLECTION), FailedPrecondition, "GENERATION_NOT_READY"),
        (lambda: generations.roll_back(collection=COLLECTION), NotFound, "GENERATION_NOT_FOUND"),
        (lambda: generations.list(collection="nowhere"), NotFound, "COLLECTION_NOT_FOUND"),
        (lambda: generations.reindex(collection="nowhere"), NotFound, "COLLECTION_NOT_FOUND"),
        (lambda: generations.reindex(collection=COLLECTION), FailedPrecondition, "GENERATION_NOT_READY"),
        (lambda: generations.reindex(collection=COLLECTION, chunker="nobody"), InvalidArgument, "INVALID_REQUEST"),
        (
            lambda: generations.reindex(collection=COLLECTION, chunker="structure", chunker_config={"tokens": 5}),
            InvalidArgument,
            "INVALID_REQUEST",
        ),
    ]
    for call, kind, reason in refusals:
        with pytest.raises(kind) as refused:
            call()  # type: ignore[operator]
        assert refused.value.reason == reason
    assert states(client) == {1: "live"}
    for words, what in (
        (("reindex", "--chunker-set", "target_tokens=40"), "--chunker-set needs --chunker"),
        (("reindex", "--chunker", "structure", "--chunker-set", "x"), "is not of the form KEY=VALUE"),
        (("delete", "1", "--json"), "--json needs --yes"),
        (("compare", "0"), "0 is not in the range"),
    ):
        wrong = terminal(server, "admin", "generations", *words)
        assert (wrong.exit_code, what in wrong.stderr) == (2, True), wrong.output
    assert terminal(server, "admin", "questions", "purge", "--json").exit_code == 2
