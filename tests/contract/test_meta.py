"""The house keeps its own rules: each hook, reason, setting, command and fail point has a test and a paragraph."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from ragstone.v1 import error_reason_pb2
from ragstone_server.cli.main import main
from ragstone_server.spi import hooks
from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.failpoints import FailPoint
from ragstone_server.spi.kinds import KINDS, Kind
from ragstone_server.spi.reasons import Reason
from ragstone_server.transport.grpc.status import CODES
from tests.contract.settings_table import models, rows

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
MOST_LINES = 350


def committed(*patterns: str) -> list[Path]:
    """Files of the repository, those that are not added yet among them."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for line in listing.splitlines() if (path := ROOT / line).is_file()]


def paragraph(document: Path, heading: str) -> str:
    """What stands below a heading, up to the next one."""
    text = document.read_text("utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""


def sources(*folders: str) -> dict[Path, str]:
    """Python files below these folders, this one left out."""
    files = {path for folder in folders for path in (ROOT / folder).rglob("*.py")} - {Path(__file__)}
    return {path: path.read_text("utf-8") for path in sorted(files)}


def called(words: str) -> re.Pattern[str]:
    """A command as a test calls it: its words as texts, side by side."""
    return re.compile(r"""["'], *["']""".join(re.escape(word) for word in words.split()).join(("[\"']", "[\"']")))


def commands() -> dict[str, click.Command]:
    """Every command that does something, by its words."""

    def leaves(group: click.Group, words: tuple[str, ...]) -> dict[str, click.Command]:
        context = click.Context(group)
        found: dict[str, click.Command] = {}
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                found |= leaves(command, (*words, name))
            if not isinstance(command, click.Group) or command.invoke_without_command:
                found[" ".join((*words, name))] = command
        return found

    return leaves(main, ())


COMMANDS = commands()
REASONS_OF_THE_CONTRACT = set(error_reason_pb2.ErrorReason.keys())
MODELS = dict(models())
WRITTEN_OUT = {
    "`[routes.NAME]`",
    "`[[routes.NAME.deployments]]`",
    "`price`",
    '`[catalog]` with `use = "postgresql"`',
    "`[kafka]`",
}
"""Sections that are there only where an operator writes them."""
ERRORS = {
    error.reason: error
    for error in RequestError.__subclasses__()
    if error.__module__.startswith("ragstone_server.spi.errors")
}


def test_every_hook_belongs_to_a_kind() -> None:
    assert {name for name in vars(hooks) if name.startswith("ragstone_")} == {kind.hook for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_hook_has_a_paragraph_a_suite_and_a_test_file(kind: Kind[object]) -> None:
    text = paragraph(DOCS / "plugins.md", f"`{kind.hook}`")
    assert len(text.split()) > 20, f"docs/plugins.md says nothing of {kind.hook}"
    module = re.search(r"`spi\.(\w+)`", text)
    assert module, "the paragraph names the module with the types"
    importlib.import_module(f"ragstone_server.spi.{module[1]}")
    suite = re.search(r"`conformance\.(\w+)\.(\w+)`", text)
    assert suite, "the paragraph names the suite"
    assert hasattr(importlib.import_module(f"ragstone_server.testing.conformance.{suite[1]}"), suite[2])
    users = [text for text in sources("tests/conformance").values() if re.search(rf"class \w+\({suite[2]}\)", text)]
    assert users, f"no file in tests/conformance runs {suite[2]}"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_value_a_code_a_class_and_a_paragraph(reason: Reason) -> None:
    assert f"ERROR_REASON_{reason}" in REASONS_OF_THE_CONTRACT
    text = paragraph(DOCS / "errors.md", reason.value)
    assert len(text.split()) > 10, f"docs/errors.md says nothing of {reason}"
    assert f"`{CODES[reason].name}`" in text
    assert ERRORS[reason].__doc__


def test_the_contract_has_no_reason_that_the_server_does_not_know() -> None:
    known = {f"ERROR_REASON_{reason}" for reason in Reason} | {"ERROR_REASON_UNSPECIFIED"}
    assert known == REASONS_OF_THE_CONTRACT


def documented_metadata() -> dict[str, set[str]]:
    """The keys that the contract's comments name, by reason."""
    text = (ROOT / "protos" / "ragstone" / "v1" / "error_reason.proto").read_text("utf-8")
    found = {}
    for comment, reason in re.findall(r"((?:  // .*\n)+)  ERROR_REASON_(\w+) = \d+;", text):
        _, _, keys = re.sub(r"\s*//\s*", " ", comment).partition("Metadata:")
        found[reason] = set(re.findall(r"`(\w+)`", keys))
    return found


@pytest.mark.parametrize("reason", Reason)
def test_every_metadata_key_of_the_contract_is_explained(reason: Reason) -> None:
    text = paragraph(DOCS / "errors.md", reason.value)
    assert all(f"`{key}`" in text for key in documented_metadata()[reason.value])


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_met_by_some_test(reason: Reason) -> None:
    names = re.compile(rf"\b({ERRORS[reason].__name__}|{reason.value})\b")
    suites = sources("tests", "server/ragstone_server/testing/conformance").items()
    files = [path for path, text in suites if path.name != "test_status.py" and names.search(text)]
    assert files, f"no test meets {reason}"


@pytest.mark.parametrize("title", MODELS)
def test_every_setting_has_a_description_and_a_row(title: str) -> None:
    model: type[BaseModel] = MODELS[title]
    assert all(field.description for field in model.model_fields.values())
    table = paragraph(DOCS / "configuration.md", title).splitlines()
    written = [line for line in table if line.startswith("| `")]
    assert written == rows(model), "run: python -m tests.contract.settings_table"


def test_every_option_has_a_default() -> None:
    required = [
        f"{title}: {name}"
        for title, model in MODELS.items()
        for name, field in model.model_fields.items()
        if field.is_required() and title not in WRITTEN_OUT
    ]
    assert required == []


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_takes_json_explains_itself_and_is_called_by_a_test(words: str) -> None:
    command = COMMANDS[words]
    options = [name for parameter in command.params for name in parameter.opts]
    assert "--json" in options
    assert command.help
    undescribed = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert undescribed == []
    assert len(paragraph(DOCS / "cli.md", f"`ragstone {words}`").split()) > 10, f"docs/cli.md says nothing of {words}"
    assert any(called(words).search(text) for text in sources("tests").values()), f"no test calls `ragstone {words}`"


def test_the_terminal_guide_names_no_command_that_is_not_there() -> None:
    named = re.findall(r"^## `ragstone ([\w -]+)`$", (DOCS / "cli.md").read_text("utf-8"), re.MULTILINE)
    assert set(named) == set(COMMANDS)


@pytest.mark.parametrize("point", FailPoint)
def test_every_fail_point_is_tried_by_the_fault_tests(point: FailPoint) -> None:
    texts = sources("tests/faults").values()
    every = re.compile(r"parametrize\(\s*\"\w+\",\s*(list\()?FailPoint\b|in FailPoint\b")
    assert any(point.name in text or point.value in text or every.search(text) for text in texts)


@pytest.mark.parametrize("point", FailPoint)
def test_every_fail_point_is_passed_by_the_program(point: FailPoint) -> None:
    files = [path for path, text in sources("server", "plugins").items() if f"FailPoint.{point.name}" in text]
    assert files


def test_no_hand_written_file_is_too_long() -> None:
    generated = ROOT / "clients" / "python" / "ragstone" / "v1"
    lines = {
        path: len(path.read_text("utf-8").splitlines()) for path in committed("*.py") if generated not in path.parents
    }
    too_long = {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > MOST_LINES}
    assert too_long == {}


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    hosts = ("py" + "pi.org", "python" + "hosted.org", "registry.npm" + "js", "proxy.go" + "lang", "crates" + ".io")
    paths = "|".join(f"/{top}/" for top in ("wo" + "rk", "ro" + "ot", "ho" + "me"))
    wrong = re.compile("|".join(map(re.escape, hosts)) + rf"|(?<![\w./~-])({paths})\w")
    found = []
    for path in committed():
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{number}" for number, line in enumerate(lines, 1) if wrong.search(line)]
    assert found == []


def test_the_rooms_keep_their_contracts() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_room_stands_in_a_contract_and_in_the_map() -> None:
    package = ROOT / "server" / "ragstone_server"
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {room.strip() for layer in layers for room in layer.split("|")}
    assert placed | {"testing"} == rooms
    mapped = set(re.findall(r"^\| `([a-z]+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE))
    assert rooms <= mapped


def test_every_test_folder_that_the_map_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))) - {
        "tests/unit/plugins/NAME"
    }
    missing = [folder for folder in sorted(named) if not (ROOT / folder).exists()]
    assert missing == []


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[>=<;\[ ]", line)[0] for line in project["dependencies"]}
    record = (DOCS / "decisions" / "0003-dependencies.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", record, re.MULTILINE)) == wanted


def test_every_plugin_folder_has_an_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    points = project["entry-points"][hooks.ENTRY_POINT_GROUP]
    folders = {path.parent.name for path in (ROOT / "plugins" / "ragstone_plugins").glob("*/plugin.py")}
    assert points == {folder: f"ragstone_plugins.{folder}.plugin" for folder in folders}


def test_public_modules_have_docstrings_that_say_something() -> None:
    """Ruff wants one; this wants a sentence."""
    terse = [
        str(path.relative_to(ROOT))
        for path, text in sources("server", "plugins/ragstone_plugins").items()
        if text and len((ast.get_docstring(ast.parse(text)) or "").split()) < 2
    ]
    assert terse == []
