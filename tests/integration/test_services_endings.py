"""Which server a test gets, what is said where there is none, and that nothing of it is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.services import choice, containers
from tests.services.keeper import Keeper
from tests.services.local import ROOT, Unavailable, once

A_TEST_OF_KAFKA = "tests/integration/test_services_kafka.py::test_every_test_makes_topics"
ENDLESS = """
from tests.services.keeper import Keeper
from tests.services.postgresql import PostgreSQL
server = PostgreSQL(Keeper().place("postgresql"))
server.start()
server.freeze()
print(server.folder.parent, *(process.pid for process in server._processes()), flush=True)
input()
"""


def without_programs(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a test that needs Kafka where no program is on the path."""
    known = {
        name: value for name, value in os.environ.items() if name not in ("CI", "JAVA_HOME", choice.KAFKA_VARIABLE)
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", A_TEST_OF_KAFKA],
        cwd=ROOT,
        env={**known, "PATH": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_cannot_start_is_named(tmp_path: Path) -> None:
    done = without_programs(tmp_path)
    assert "1 skipped" in done.stdout, done.stdout
    assert "no container engine answers; Kafka needs Java 17" in done.stdout
    assert "or set RAGSTONE_TEST_KAFKA" in done.stdout


def test_what_cannot_start_fails_where_everything_must_run(tmp_path: Path) -> None:
    done = without_programs(tmp_path, CI="true")
    assert "1 error" in done.stdout, done.stdout
    assert "Kafka needs Java 17" in done.stdout


def test_a_given_server_comes_first(monkeypatch: pytest.MonkeyPatch, keeper: Keeper) -> None:
    monkeypatch.setenv(choice.POSTGRESQL_VARIABLE, "postgresql://given/one")
    monkeypatch.setenv(choice.KAFKA_VARIABLE, "given:9092")
    with ExitStack() as servers:
        assert choice.postgresql(keeper, servers) == "postgresql://given/one"
        assert choice.kafka(keeper, servers) == "given:9092"


def test_an_engine_that_cannot_start_an_image_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = tmp_path / "docker"
    engine.write_text(
        f'#!/bin/sh\necho "$1" >> {tmp_path}/called\n[ "$1" = info ] || {{ echo no such image >&2; exit 1; }}\n'
    )
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with Keeper() as keeper, pytest.raises(Unavailable, match="no such image"):
        containers.postgresql(keeper)
    assert (tmp_path / "called").read_text().split() == ["info", "run", "rm"]


def test_servers_end_with_tests_that_are_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        folder, *numbers = tests.stdout.readline().split()
        servers = [psutil.Process(int(number)) for number in numbers]
        (keeper,) = [
            process for process in psutil.Process(tests.pid).children() if "tests.services.keeper" in process.cmdline()
        ]
        tests.send_signal(signal.SIGKILL)
    assert len(servers) > 5
    deadline = time.monotonic() + 60
    while not all(over(process) for process in (*servers, keeper)):
        assert time.monotonic() < deadline, "some run on"
        time.sleep(0.01)
    assert not Path(folder).exists()


def test_what_is_made_once_is_made_whole_by_one(tmp_path: Path) -> None:
    made: list[Path] = []
    together = threading.Barrier(2)

    def make(folder: Path) -> None:
        made.append(folder)
        folder.mkdir()
        (folder / "jar").touch()

    def ask() -> Path:
        together.wait()
        return once(tmp_path / "cache" / "lib", make)

    with ThreadPoolExecutor(2) as pool:
        assert {asked.result() for asked in [pool.submit(ask), pool.submit(ask)]} == {tmp_path / "cache" / "lib"}
    assert len(made) == 1
    assert (tmp_path / "cache" / "lib" / "jar").exists()


def test_what_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        folder.mkdir()
        raise Unavailable("half of it is there")

    with pytest.raises(Unavailable):
        once(tmp_path / "lib", make)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def over(process: psutil.Process) -> bool:
    """Whether it ended; whoever inherited it may not have noticed."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
