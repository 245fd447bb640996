"""The whole configuration: sections, selections, policies, and every problem at once."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ragstone_server.app.configuration import DEFAULT_PROVIDERS, SECTIONS, parse_configuration, read_configuration
from ragstone_server.app.listening import checked_address
from ragstone_server.cli.serve import serve_command
from ragstone_server.config.errors import ConfigurationInvalid
from ragstone_server.registry.registry import Selection
from ragstone_server.spi.kinds import KINDS


def places(tree: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_configuration(tree)
    return [problem.where for problem in caught.value.problems]


def test_nothing_has_to_be_configured() -> None:
    configuration = parse_configuration({})
    assert {kind: selection.use for kind, selection in configuration.selections.items()} == dict(DEFAULT_PROVIDERS)
    assert configuration.server.listen == "127.0.0.1:50051"


def test_every_kind_has_a_default() -> None:
    assert set(DEFAULT_PROVIDERS) == {kind.name for kind in KINDS}


def test_a_section_of_a_kind_is_split_into_selection_policy_and_the_plugins_own() -> None:
    configuration = parse_configuration(
        {"fuser": {"use": "reciprocal_rank", "k": 3, "retries": 2, "on_failure": "skip"}}
    )
    assert configuration.selections["fuser"] == Selection(use="reciprocal_rank", config={"k": 3})
    assert configuration.policies["fuser"].retries == 2
    assert configuration.policies["fuser"].on_failure == "skip"


def test_unknown_sections_and_values_in_place_of_sections_are_refused() -> None:
    assert places({"servre": {}, "server": "here"}) == ["servre", "server"]


def test_every_problem_of_every_section_is_named() -> None:
    tree: dict[str, object] = {
        "server": {"bulk_threads": 0, "colour": "red"},
        "retrieval": {"candidates": "many"},
        "reranker": {"retries": 99, "deadline_share": 0},
        "generator": {"use": 7},
    }
    assert sorted(places(tree)) == [
        "generator.use",
        "reranker.deadline_share",
        "reranker.retries",
        "retrieval.candidates",
        "server.bulk_threads",
        "server.colour",
    ]


def test_the_command_line_stands_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "ragstone.toml"
    file.write_text('[server]\nlisten = "127.0.0.1:1"\nbulk_threads = 3\n')
    configuration = read_configuration(file, {"server": {"listen": "127.0.0.1:2"}})
    assert (configuration.server.listen, configuration.server.bulk_threads) == ("127.0.0.1:2", 3)


@pytest.mark.parametrize("section", [*SECTIONS, *DEFAULT_PROVIDERS])
@pytest.mark.parametrize(
    ("value", "what"),
    [("3", "is a value"), ('"text"', "is a value"), ("[1]", "is a list"), ("[{use = 1}]", "is a list")],
)
@pytest.mark.parametrize("options", [None, {}, {"listen": "127.0.0.1:2"}], ids=["none", "empty", "some"])
def test_what_is_no_table_is_refused_with_its_place_whatever_stands_over_it(
    tmp_path: Path, section: str, value: str, what: str, options: dict[str, object] | None
) -> None:
    file = tmp_path / "ragstone.toml"
    file.write_text(f"{section} = {value}\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        read_configuration(file, None if options is None else {section: options})
    assert [str(problem) for problem in caught.value.problems] == [f"{section}: {what}; write a section [{section}]"]


def test_likewise_of_what_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ragstone.toml"
    file.write_text('[server]\nlisten = "127.0.0.1:1"\n')
    monkeypatch.setenv("RAGSTONE__SERVER", "3")
    with pytest.raises(ConfigurationInvalid, match=r"server: is a value; write a section \[server\]"):
        read_configuration(file, {"server": {"listen": "127.0.0.1:2"}})
    file.write_text("server = 3\n")
    monkeypatch.delenv("RAGSTONE__SERVER")
    monkeypatch.setenv("RAGSTONE__SERVER__LISTEN", "127.0.0.1:1")
    with pytest.raises(ConfigurationInvalid, match="RAGSTONE__SERVER__LISTEN: server is a value, not a section"):
        read_configuration(file, {"server": {"listen": "127.0.0.1:2"}})


def test_serve_says_so_and_starts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ragstone.toml"
    file.write_text("server = 3\n")
    result = CliRunner().invoke(serve_command, ["--config", str(file), "--listen", "127.0.0.1:0"])
    assert result.exit_code == 1
    assert "server: is a value; write a section [server]" in result.output


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("localhost:50051", "127.0.0.1:50051"),
        ("[::1]:7", "[::1]:7"),
        ("127.8.9.1:1", "127.8.9.1:1"),
    ],
)
def test_the_loopback_may_be_listened_on(listen: str, address: str) -> None:
    assert checked_address(listen) == address


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:1", "[::]:1", "192.168.0.1:1", "example.org:1", "127.0.0.1", "127.0.0.1:x", ":1", "127.0.0.1:65536", ""],
)
def test_nothing_else_may_be_listened_on(listen: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"server\.listen"):
        checked_address(listen)
