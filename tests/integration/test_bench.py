"""The benchmarks run from the terminal; what they measure is for people to read."""

import json
import subprocess
from pathlib import Path

import psycopg

from tests.served import RAGSTONE
from tests.services.fixtures import Broker


def ragstone(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [RAGSTONE, *command, "--corpus", "corpus.tsv"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_retrieval_is_measured_beside_its_floors(tmp_path: Path) -> None:
    lines = [f"part-{i}\tThe part number {i} of machine {i % 37} is kept in hall {i % 11}." for i in range(1000)]
    (tmp_path / "corpus.tsv").write_text("name\tsummary\n" + "\n".join(lines))
    done = ragstone(tmp_path, "bench", "retrieve", "--scratch", "scratch", "--html", "report.html", "--json")
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["passages"] == 900
    assert [load["callers"] for load in measured["ragstone"]] == [1, 4, 16, 64]
    assert {each["share"]: each["recall"] for each in measured["filtered"]} == dict.fromkeys(
        (1, 0.1, 0.01, 0.001, 0.0001), 1
    )
    assert all(load["server_cpu_ms"] > 0 for load in (*measured["ragstone"], *measured["echo"]))
    assert measured["beside"]["passages_per_s"] > 0
    assert all(ms > 0 for costs in (measured["floor"], measured["stages"]) for ms in costs.values())
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_a_corpus_without_texts_is_told(tmp_path: Path) -> None:
    (tmp_path / "corpus.tsv").write_text("name\tversion\na\t1\n")
    done = ragstone(tmp_path, "bench", "retrieve")
    assert done.returncode == 1
    assert "names none of the columns" in done.stderr
    assert done.stderr.count("\n") < 3


def test_events_are_measured_and_nothing_of_it_stays(kafka: Broker, catalog_url: str, tmp_path: Path) -> None:
    lines = [f"part-{i}\tThe part number {i} of machine {i % 37} is kept in hall {i % 11}." for i in range(100)]
    (tmp_path / "corpus.tsv").write_text("name\tsummary\n" + "\n".join(lines))
    where = ("--bootstrap-servers", kafka.bootstrap, "--postgresql-url", catalog_url)
    with psycopg.connect(catalog_url) as connection:
        done = ragstone(tmp_path, "bench", "kafka", *where, "--only", "rates", "--documents", "200", "--json")
        assert done.returncode == 0, done.stderr
        assert (
            connection.execute("SELECT 1 FROM pg_database WHERE starts_with(datname, 'ragstone_bench')").fetchone()
            is None
        )
    measured = json.loads(done.stdout)["rates"]
    assert measured["new documents, vectors known"]["events"] > 0
    assert all(rate["events_per_s"] > 0 and rate["bare_events_per_s"] > 0 for rate in measured.values())
