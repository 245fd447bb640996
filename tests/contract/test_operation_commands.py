"""`ragstone admin operations` over a server that counts sheep."""

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from ragstone_server.cli.main import main
from tests.operating import Served, serving

Terminal = Callable[..., Result]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


@pytest.fixture
def terminal(served: Served) -> Terminal:
    def call(*words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--server", served.address])

    return call


def test_waiting_prints_the_end(served: Served, terminal: Terminal) -> None:
    number = served.begin()
    done = terminal("admin", "operations", "wait", str(number))
    assert (done.exit_code, done.stdout) == (0, f"operations/{number}: succeeded\n")
    assert done.stderr == "", "nothing moves where no terminal is"
    said = json.loads(terminal("admin", "operations", "wait", f"operations/{number}", "--json").stdout)
    assert (said["name"], said["state"], said["done"], said["error"]) == (
        f"operations/{number}",
        "succeeded",
        True,
        None,
    )


def test_exit_statuses_tell_the_ends_apart(served: Served, terminal: Terminal) -> None:
    failed = terminal("admin", "operations", "wait", str(served.begin('{"most": 1, "gone": true}')))
    assert (failed.exit_code, "the flock is gone (COLLECTION_NOT_FOUND)" in failed.stderr) == (1, True)
    number = served.begin('{"most": 100000}')
    late = terminal("admin", "operations", "wait", str(number), "--timeout", "0.2")
    assert (late.exit_code, "has not ended" in late.stderr) == (4, True)
    assert terminal("admin", "operations", "wait", str(number), "--timeout", "0", "--json").exit_code == 4
    cancelled = terminal("admin", "operations", "cancel", str(number), "--wait")
    assert (cancelled.exit_code, cancelled.stdout) == (0, f"operations/{number}: cancelled\n")
    assert terminal("admin", "operations", "wait", str(number)).exit_code == 3
    assert terminal("admin", "operations", "wait", "999").exit_code == 1


def test_cancelling_does_not_wait(served: Served, terminal: Terminal) -> None:
    number = served.begin('{"most": 100000}')
    said = json.loads(terminal("admin", "operations", "cancel", str(number), "--json").stdout)
    assert said["cancel_requested"] is True


def test_get_shows_what_is_known(served: Served, terminal: Terminal) -> None:
    number = served.begin('{"most": 1, "gone": true}')
    terminal("admin", "operations", "wait", str(number))
    shown = terminal("admin", "operations", "get", str(number)).stdout
    for fact in ("count-sheep", "failed", "tenants/default/collections/flock", "COLLECTION_NOT_FOUND"):
        assert fact in shown
    said = json.loads(terminal("admin", "operations", "get", str(number), "--json").stdout)
    assert said["error"] == {"reason": "COLLECTION_NOT_FOUND", "message": "the flock is gone"}


def test_lists(served: Served, terminal: Terminal) -> None:
    assert terminal("admin", "operations", "list").stdout == "no operations\n"
    done, waiting = served.begin(), served.begin(kind="shear-sheep")
    terminal("admin", "operations", "wait", str(done))

    def listed(*options: str) -> list[str]:
        rows = json.loads(terminal("admin", "operations", "list", "--json", *options).stdout)["operations"]
        return [row["name"] for row in rows]

    assert listed() == [f"operations/{waiting}", f"operations/{done}"]
    assert listed("--running") == [f"operations/{waiting}"]
    assert listed("--kind", "count-sheep", "--state", "succeeded") == [f"operations/{done}"]
    assert listed("--limit", "1") == [f"operations/{waiting}"]
    assert "shear-sheep" in terminal("admin", "operations", "list").stdout
    assert terminal("admin", "operations", "list", "--kind", '"').exit_code == 1


def test_deleting(served: Served, terminal: Terminal) -> None:
    number = served.begin('{"most": 100000}')
    refused = terminal("admin", "operations", "delete", str(number))
    assert (refused.exit_code, "OPERATION_RUNNING" in refused.stderr) == (1, True)
    terminal("admin", "operations", "cancel", str(number), "--wait")
    assert terminal("admin", "operations", "delete", str(number)).stdout == f"deleted operations/{number}\n"
    assert terminal("admin", "operations", "get", str(number)).exit_code == 1


@pytest.mark.parametrize("name", ["x", "0", "-1", "operations/", "operations/x"])
def test_what_is_no_operation_is_refused_before_anyone_is_asked(terminal: Terminal, name: str) -> None:
    assert terminal("admin", "operations", "get", "--", name).exit_code == 2
