"""Where settings come from: the file, the environment over it, secrets by reference."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from ragstone_server.config.errors import ConfigurationInvalid
from ragstone_server.config.secrets import as_written, literal_secrets, resolve_secrets
from ragstone_server.config.source import load


def written(folder: Path, text: str) -> Path:
    file = folder / "ragstone.toml"
    file.write_text(text)
    return file


def test_a_file_is_read(tmp_path: Path) -> None:
    assert load(written(tmp_path, '[server]\nlisten = "127.0.0.1:1"\n'), {}) == {"server": {"listen": "127.0.0.1:1"}}


def test_without_a_file_the_one_in_the_working_directory_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == {}
    written(tmp_path, "[retrieval]\ncandidates = 7\n")
    assert load(None, {}) == {"retrieval": {"candidates": 7}}


@pytest.mark.parametrize("text", ["[server", "x = ", b"\xff\xfe".decode("latin-1") + "="])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"ragstone\.toml: is not TOML"):
        load(written(tmp_path, text), {})


def test_a_file_that_was_named_and_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"missing\.toml: cannot be read"):
        load(tmp_path / "missing.toml", {})


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("0.5", 0.5), ("true", True), ('["a"]', ["a"]), ("plain", "plain"), ('"7"', "7"), ("a = b", "a = b")],
)
def test_the_environment_stands_over_the_file(tmp_path: Path, text: str, value: object) -> None:
    file = written(tmp_path, "[retrieval]\ncandidates = 1\ndefault_top_k = 3\n")
    tree = load(file, {"RAGSTONE__RETRIEVAL__CANDIDATES": text, "RAGSTONE_SERVER": "elsewhere", "PATH": "x"})
    assert tree == {"retrieval": {"candidates": value, "default_top_k": 3}}


def test_a_variable_below_a_value_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="RAGSTONE__SERVER__LISTEN__PORT: listen is a value"):
        load(written(tmp_path, '[server]\nlisten = "x"\n'), {"RAGSTONE__SERVER__LISTEN__PORT": "1"})


def test_secrets_are_resolved_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    file = written(tmp_path, f'[generator]\nkey = "env:KEY"\nothers = ["file:{tmp_path}/key", "plain"]\n')
    assert load(file, {"KEY": "k"}) == {"generator": {"key": "k", "others": ["s3cret", "plain"]}}


def test_what_is_resolved_knows_how_it_was_written(tmp_path: Path) -> None:
    """What is kept of a configuration has no secret in it."""
    (tmp_path / "key").write_text("s3cret\n")
    section = {"api_key": "env:KEY", "headers": {"x": f"file:{tmp_path}/key"}, "lists": ["env:KEY", "plain"], "n": 1}
    assert as_written(resolve_secrets({"embedder": section}, {"KEY": "k"})["embedder"]) == section


class _Section(BaseModel):
    api_key: SecretStr | None = None
    headers: Mapping[str, SecretStr] = {}
    model: str = ""


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ({}, []),
        ({"api_key": "env:KEY", "headers": {"x": "file:key"}, "model": "plain"}, []),
        ({"api_key": None}, []),
        ({"api_key": "sk-1", "headers": {"x": "env:X", "y": "z"}}, ["api_key", "headers.y"]),
        ({"api_key": 7}, ["api_key"]),
    ],
)
def test_secrets_that_stand_there_themselves_are_found(section: dict[str, object], found: list[str]) -> None:
    assert literal_secrets(_Section, section) == found


def test_every_secret_that_is_missing_is_named_with_its_place(tmp_path: Path) -> None:
    file = written(tmp_path, '[generator]\na = "env:NOT_THERE"\nb = ["file:/nowhere/at/all"]\n')
    with pytest.raises(ConfigurationInvalid) as caught:
        load(file, {})
    assert [problem.where for problem in caught.value.problems] == ["generator.a", "generator.b[0]"]
    assert "NOT_THERE" in caught.value.message
