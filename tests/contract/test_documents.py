"""The documentation is true: its links resolve, its commands exist, its snippets run."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ragstone import AsyncClient, Client
from ragstone_server.app.configuration import parse_configuration
from ragstone_server.cli.main import main
from ragstone_server.transport.convert.filters import parse_filter
from tests.contract.test_meta import ROOT, committed
from tests.served import Served

OURS = [path for path in committed("*.md") if "documents" not in path.parts and "sources" not in path.parts]
"""All pages but those that are documents of the handbook."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(language: str) -> list[tuple[str, str]]:
    """Code blocks of all pages with their place."""
    return [
        (name(path), block)
        for path in OURS
        for block in re.findall(rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    ]


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", OURS, ids=name)
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(("page", "block"), blocks("sh"))
def test_commands_exist(page: str, block: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "make":
            assert all(word in targets or "=" in word for word in words[1:]), line
        if words and words[0].endswith("ragstone"):
            parse(words[1:])


def parse(words: list[str]) -> None:
    """Raises where click would refuse the command line."""
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        following = command.get_command(context, words[0])
        assert following is not None, words
        command, words = following, words[1:]
    command.make_context("ragstone", list(words), parent=context)


@pytest.mark.parametrize("page", OURS, ids=name)
def test_commands_and_targets_that_the_prose_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert [target for target in re.findall(r"`make ([a-z-]+)", text) if target not in targets] == []
    named = re.findall(r"`ragstone ([a-z]+)", text)
    assert [command for command in named if command not in main.list_commands(click.Context(main))] == []


@pytest.mark.parametrize(("page", "block"), blocks("python"))
def test_python_snippets_use_the_client_as_it_is(page: str, block: str) -> None:
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            owner, method = node.func.value.id, node.func.attr
            if owner == "client":
                assert hasattr(Client, method), f"{page}: {method}"
                assert hasattr(AsyncClient, method), f"{page}: {method}"


@pytest.mark.parametrize(("page", "block"), blocks("toml"))
def test_configurations_are_valid(page: str, block: str) -> None:
    tree = tomllib.loads(block)
    if "build-system" not in tree:
        parse_configuration(tree)


def test_every_filter_of_the_guide_parses() -> None:
    lines = [line for page, block in blocks("text") if page == "docs/filters.md" for line in block.splitlines()]
    assert len(lines) >= 10
    for line in lines:
        parse_filter(line)


def test_every_make_target_is_explained() -> None:
    unexplained = re.findall(r"^([a-z-]+):(?!.*## ).*$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert unexplained == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("documents") / "data") as served:
        yield served


@pytest.mark.parametrize("page", ["README.md", "clients/python/README.md"])
def test_the_first_snippet_runs_as_it_stands(page: str, server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    snippet = next(block for where, block in blocks("python") if where == page)
    assert "127.0.0.1:50051" in snippet
    exec(compile(snippet.replace("127.0.0.1:50051", server.address), page, "exec"), {})
    printed = capsys.readouterr().out
    assert "The ferry to Nordvik leaves at nine." in printed
    assert "1 ferry" in printed
