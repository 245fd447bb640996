"""The benchmarks run from the terminal; what they measure is for people to read."""

import json
import subprocess
from pathlib import Path

from tests.served import RAGSTONE


def bench(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [RAGSTONE, "bench", "retrieve", "--corpus", "corpus.tsv", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)


def test_retrieval_is_measured_beside_its_floors_and_a_second_run_embeds_nothing(tmp_path: Path) -> None:
    lines = [f"part-{i}\tThe part number {i} of machine {i % 37} is kept in hall {i % 11}." for i in range(1000)]
    (tmp_path / "corpus.tsv").write_text("name\tsummary\n" + "\n".join(lines))
    done = bench(tmp_path, "--scratch", "scratch", "--html", "report.html", "--json")
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["passages"] == 900
    assert [load["callers"] for load in measured["ragstone"]] == [1, 4, 16, 64]
    assert {each["share"]: each["recall"] for each in measured["filtered"]} == dict.fromkeys(
        (1, 0.1, 0.01, 0.001, 0.0001), 1
    )
    assert all(load["server_cpu_ms"] > 0 for load in (*measured["ragstone"], *measured["echo"]))
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    (kept,) = tmp_path.glob("corpus.tsv.*.f16")
    written = kept.stat().st_mtime_ns
    again = bench(tmp_path, "--scratch", "scratch")
    assert again.returncode == 0, again.stderr
    assert "times the libraries alone" in again.stdout
    assert kept.stat().st_mtime_ns == written


def test_a_corpus_without_texts_is_told(tmp_path: Path) -> None:
    (tmp_path / "corpus.tsv").write_text("name\tversion\na\t1\n")
    done = bench(tmp_path)
    assert done.returncode == 1
    assert "names none of the columns" in done.stderr
    assert done.stderr.count("\n") < 3
