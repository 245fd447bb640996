"""Every command of the terminal over a real server: what it prints for people and for machines, and how it ends."""

import json
import os
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result

from ragstone.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from ragstone_server.cli.main import main
from tests.served import Served

NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents") / "guide"
    folder.mkdir()
    (folder / "ferry.md").write_text("# Ferry\n\nThe ferry to Nordvik leaves at nine.\n")
    (folder / "harbour.txt").write_text("The harbour of Nordvik was opened in 1911.\n")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("cli") / "data") as served:
        call(served, "ingest", str(folder))
        yield served


def ragstone(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environment)


def call(server: Served, *arguments: str) -> str:
    result = ragstone(*arguments, RAGSTONE_SERVER=server.address)
    assert result.exit_code == 0, result.output
    return result.stdout


def call_json(server: Served, *arguments: str) -> Any:
    return json.loads(call(server, *arguments, "--json"))


def refused(server: Served, *arguments: str) -> str:
    result = ragstone(*arguments, RAGSTONE_SERVER=server.address)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def test_help_lists_the_commands_in_the_order_of_the_work() -> None:
    text = ragstone("--help").stdout
    assert text.index("serve") < text.index("ingest") < text.index("ask") < text.index("eval")


def test_ingest_of_what_is_stored_already_says_so(server: Served, folder: Path) -> None:
    assert call_json(server, "ingest", str(folder)) == {"stored": 0, "unchanged": 2, "failed": 0, "failures": []}


def test_ingest_tells_each_failure_and_ends_with_1(server: Served, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing follows")
    lines = ['{"id": "tram", "text": "The tram leaves at ten."}', "no JSON", '{"id": "x"}']
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    result = ragstone("ingest", str(tmp_path), "missing.txt", "--json", RAGSTONE_SERVER=server.address)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["stored"], report["failed"]) == (1, 4)
    reasons = {failure["document"].rpartition("/")[2]: failure["reason"] for failure in report["failures"]}
    assert reasons == {
        "broken.pdf": "DOCUMENT_BROKEN",
        "rows.jsonl:2": "UNREADABLE",
        "rows.jsonl:3": "UNREADABLE",
        "missing.txt": "UNREADABLE",
    }
    call(server, "delete", "tram")


def test_what_utf_8_has_no_form_for_is_told_and_the_others_are_stored(server: Served, tmp_path: Path) -> None:
    lines = [
        '{"id": "tram", "text": "The tram leaves at ten."}',
        '{"id": "half", "text": "a \\ud800 b"}',
        '{"id": "\\udfff", "text": "x"}',
        '{"id": "y", "text": "x", "title": "\\ud800"}',
        '{"id": "z", "text": "x", "metadata": {"k": ["\\ud800"]}}',
        '{"id": "t", "text": "x", "title": 7}',
        '{"id": "n", "text": "x", "metadata": {"k": 1' + "0" * 5000 + "}}",
        '{"id": "d", "text": "x", "metadata": ' + "[" * 100_000,
        '{"id": "o", "text": "x", "metadata": {"k": 1' + "0" * 400 + "}}",
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("A name that is not UTF-8.")
    arguments = ["ingest", str(tmp_path / "rows.jsonl"), str(tmp_path), os.fsdecode(b"missing\xff")]
    result = ragstone(*arguments, "--json", RAGSTONE_SERVER=server.address)
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)
    assert (report["stored"], report["unchanged"], report["failed"]) == (1, 1, 2 * 8 + 2)
    assert [failure["reason"] for failure in report["failures"]].count("INVALID_REQUEST") == 2  # too large for a number
    names = {failure["document"].rpartition("/")[2] for failure in report["failures"]}
    assert names == {*(f"rows.jsonl:{line}" for line in range(2, 9)), "o", "\\udcff.txt", "missing\\udcff"}
    call(server, "delete", "tram")


class _Dying(ingest_service_pb2_grpc.IngestServiceServicer):
    """Stores one document, and is gone."""

    def Ingest(self, request_iterator: Any, context: Any) -> Iterator[ingest_service_pb2.IngestResponse]:
        yield ingest_service_pb2.IngestResponse(
            acknowledgement=ingest_service_pb2.Acknowledgement(
                sequence=next(request_iterator).sequence, outcome=ingest_service_pb2.WRITE_OUTCOME_STORED, version=1
            )
        )
        context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is gone")


def test_what_was_stored_is_told_also_where_the_server_is_lost(folder: Path) -> None:
    dying = grpc.server(futures.ThreadPoolExecutor(2))
    ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(_Dying(), dying)
    address = f"127.0.0.1:{dying.add_insecure_port('127.0.0.1:0')}"
    dying.start()
    plain = ragstone("ingest", str(folder), "--server", address)
    machine = ragstone("ingest", str(folder), "--server", address, "--json")
    dying.stop(None).wait()
    assert (plain.exit_code, plain.stdout) == (1, "1 stored, 0 unchanged, 0 failed\n")
    assert (machine.exit_code, json.loads(machine.stdout)["stored"]) == (1, 1)
    assert f"no server answers on {address}" in plain.stderr
    assert f"no server answers on {address}" in machine.stderr
    gone = ragstone("ingest", str(folder), "--server", NOBODY, "--json")
    assert (gone.exit_code, gone.stdout) == (1, "")


def test_ask_streams_the_answer_and_its_sources(server: Served) -> None:
    text = call(server, "ask", "When was the harbour of Nordvik opened?")
    assert "1911" in text
    assert "(guide/harbour.txt)" in text


def test_ask_says_when_the_documents_do_not(server: Served) -> None:
    assert call(server, "ask", "Who composed the opera about Zarmina?").strip() == "The documents do not say."


def test_ask_takes_a_limit_of_cost_and_what_answers_in_the_server_costs_nothing(server: Served) -> None:
    assert "1911" in call(server, "ask", "When was the harbour of Nordvik opened?", "--max-cost", "0")
    for wrong in ("-1", "inf", "nan", "cheap"):
        refused = ragstone("ask", "why?", "--max-cost", wrong, "--server", server.address)
        assert (refused.exit_code, refused.stdout) == (2, "")


def test_ask_as_json_gives_one_event_a_line(server: Served) -> None:
    events = [json.loads(line) for line in call(server, "ask", "When does the ferry leave?", "--json").splitlines()]
    assert [int(event["seq"]) for event in events] == list(range(1, len(events) + 1))
    assert "completed" in events[-1]


def test_ask_in_a_format(server: Served, tmp_path: Path) -> None:
    assert "1911" in call(server, "ask", "When was the harbour of Nordvik opened?", "--format", "markdown")
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    words = ("ask", "When?", "--format", "json", "--json-schema", str(tmp_path / "schema.json"))
    result = ragstone(*words, "--server", server.address)
    assert result.exit_code == 1
    assert "no model of this server writes JSON" in result.stderr  # it quotes, without a language model


def test_retrieve_gives_ranked_passages_and_the_watermark(server: Served) -> None:
    found = call_json(server, "retrieve", "ferry to Nordvik", "-k", "1")
    assert [passage["document"] for passage in found["passages"]] == ["guide/ferry.md"]
    assert found["passages"][0]["rank"] == 1
    assert found["watermark"]
    assert "guide/ferry.md" in call(server, "retrieve", "ferry to Nordvik", "-k", "1")


def test_documents_lists_them_in_the_order_of_their_ids(server: Served) -> None:
    rows = call_json(server, "documents")["documents"]
    assert [row["document"] for row in rows] == ["guide/ferry.md", "guide/harbour.txt"]
    assert "guide/ferry.md" in call(server, "documents")


def test_delete_takes_a_document_away_once(server: Served, tmp_path: Path) -> None:
    (tmp_path / "bus.txt").write_text("The bus leaves at ten.")
    call(server, "ingest", str(tmp_path / "bus.txt"))
    assert call_json(server, "delete", "bus.txt")["document"] == "bus.txt"
    assert "DOCUMENT_NOT_FOUND" in refused(server, "delete", "bus.txt")


def test_collections_are_made_changed_listed_and_deleted(server: Served, folder: Path) -> None:
    assert call_json(server, "collections", "create", "minutes", "--readers", "nobody")["name"].endswith("/minutes")
    assert call_json(server, "collections", "update", "minutes", "--description", "What was said.")["description"]
    rows = {row["collection"]: row for row in call_json(server, "collections")["collections"]}
    assert (rows["minutes"]["readers"], rows["minutes"]["description"]) == ("nobody", "What was said.")
    call(server, "ingest", str(folder), "--collection", "minutes", "--no-wait")
    assert "COLLECTION_NOT_EMPTY" in refused(server, "collections", "delete", "minutes")
    assert call_json(server, "collections", "delete", "minutes", "--force") == {"collection": "minutes"}
    assert "COLLECTION_NOT_FOUND" in refused(server, "documents", "--collection", "minutes")


def test_prompts_are_created_compared_activated_and_rolled_back(server: Served, tmp_path: Path) -> None:
    call(server, "collections", "create", "prompted")
    on = ("--collection", "prompted")
    file = tmp_path / "user.txt"
    file.write_text("{{ evidence }}\n{{ question }}\n{{ no_answer }}\n")
    made = call_json(server, "prompts", "create", "--user", str(file), "--description", "Short.", *on)
    assert made["name"].endswith("/collections/prompted/prompts/1")
    assert "Rules:" in call(server, "prompts", "show", "0", *on)
    assert call_json(server, "prompts", "show", "1", *on)["user"] == file.read_text()
    assert "+{{ no_answer }}" in call(server, "prompts", "diff", "0", "1", *on)
    assert call(server, "prompts", "diff", "0", *on) == "no difference\n"
    assert call(server, "prompts", "activate", "1", *on) == "version 1 is in use\n"
    rows = call_json(server, "prompts", "list", *on)["prompts"]
    assert [(row["version"], row["active"], row["author"]) for row in rows] == [
        (0, False, ""),
        (1, True, "user:developer"),
    ]
    assert "1 *" in call(server, "prompts", "list", *on)
    assert call(server, "prompts", "rollback", *on) == "version 0 is in use again\n"
    assert "PROMPT_NOT_FOUND" in refused(server, "prompts", "rollback", *on)
    history = call_json(server, "prompts", "history", *on)["activations"]
    assert [(row["what"], row["version"]) for row in history] == [("rolled back", 0), ("activated", 1)]
    assert "rolled back" in call(server, "prompts", "history", *on)


def test_a_prompt_that_cannot_be_used_is_refused_with_its_place(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "user.txt"
    file.write_text("{{ evidence }}\n{% for word in question %}{% endfor %}")
    assert "user, line 2: " in refused(server, "prompts", "create", "--user", str(file))
    file.write_bytes(b"\xff")
    assert "is not UTF-8 text" in refused(server, "prompts", "create", "--system", str(file))
    assert "cannot be read" in refused(server, "prompts", "create", "--system", str(tmp_path / "missing"))
    assert ragstone("prompts", "create", "--server", NOBODY).exit_code == 2


def test_options_of_a_subcommand_may_stand_before_it(server: Served) -> None:
    result = ragstone("collections", "--server", server.address, "--json", "create", "early")
    assert json.loads(result.stdout)["name"].endswith("/early")
    result = ragstone("collections", "delete", "early", "--server", server.address, "--json")
    assert json.loads(result.stdout) == {"collection": "early"}


def test_status_tells_how_far_the_index_is(server: Served, folder: Path) -> None:
    call(server, "ingest", str(folder))  # returns when the index has it
    status = call_json(server, "status", "--wait", "5")
    assert {view["view"] for view in status["views"]} == {"vectors", "words"}
    assert "up to date" in call(server, "status")


def test_plugins_lists_what_is_in_use(server: Served) -> None:
    plugins = call_json(server, "plugins")["plugins"]
    assert {row["name"] for row in plugins if row.get("selected")} >= {
        "documents",
        "onnx",
        "faiss",
        "tantivy",
        "sqlite",
    }
    assert "faiss *" in call(server, "plugins")


def test_check_lists_every_problem_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "ragstone.toml"
    file.write_text('[retrieval]\ncandidates = 0\n[fuser]\nuse = "magic"\n[ingest]\nspeed = 11\n')
    result = ragstone("check", "--config", str(file), "--json")
    assert result.exit_code == 1
    problems = json.loads(result.stdout)["problems"]
    assert any(problem.startswith("retrieval.candidates: ") for problem in problems)
    assert "ingest.speed: unknown setting" in problems
    file.write_text('[fuser]\nuse = "magic"\n')
    assert "fuser.use: there is no fuser 'magic'" in ragstone("check", "--config", str(file)).stderr
    file.write_text("")
    assert "generator = extractive" in ragstone("check", "--config", str(file)).stdout


def test_models_pull_finds_the_model_that_is_there() -> None:
    result = ragstone("models", "pull", "--json")
    assert result.exit_code == 0, result.output
    assert Path(json.loads(result.stdout)["directory"]).name == "all-minilm-l6-v2"


def test_eval_measures_a_data_set_in_beir_layout(server: Served, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": "d1", "text": "Ferries carry cars."}, {"_id": "d2", "text": "Bread is baked at night."}]
    queries = [{"_id": "q1", "text": "what carries cars"}, {"_id": "q2", "text": "when is bread baked"}]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
    measured = call_json(server, "eval", str(folder))
    assert measured["queries"] == 2
    assert measured["measures"]["nDCG@10"]["value"] == 1.0
    assert "nDCG@10" in call(server, "eval", str(folder), "--no-ingest")


@pytest.mark.parametrize("words", [["status"], ["documents"], ["ask", "why?"], ["plugins"], ["collections"]])
def test_where_no_server_answers_the_message_says_how_to_start_one(words: list[str]) -> None:
    result = ragstone(*words, "--server", NOBODY)
    assert result.exit_code == 1
    assert f"start one with `ragstone serve --listen {NOBODY}`" in result.stderr


def test_a_second_server_on_the_same_data_is_refused_with_the_reason(server: Served) -> None:
    result = ragstone("serve", "--listen", "127.0.0.1:0", "--data-dir", str(server.data_dir))
    assert result.exit_code == 1
    assert "uses the data directory" in result.stderr


def test_an_address_that_others_reach_is_refused(tmp_path: Path) -> None:
    result = ragstone("serve", "--listen", "0.0.0.0:0", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert "callers are not authenticated yet" in result.stderr
