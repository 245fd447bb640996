"""The plugin author's guide works: its commands, word by word, in a virtual environment of their own and without a network."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragstone import Client

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs" / "plugins.md").read_text("utf-8")
MODELS = Path(sys.prefix) / "share" / "ragstone" / "models"
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "RAGSTONE_", "PYTHONPATH"))},
    "PIP_NO_INDEX": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def block(marker: str) -> str:
    """The code block of the guide behind `<!-- marker -->`."""
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL)
    assert found, marker
    return found[1]


def shell(commands: str, cwd: Path) -> str:
    done = subprocess.run(["bash", "-euc", commands], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the template and a virtual environment that has what the project's has."""
    root = tmp_path_factory.mktemp("stranger") / "ragstone"
    skipped = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    shutil.copytree(ROOT / "plugins" / "template", root / "plugins" / "template", ignore=skipped)
    venv.create(root / ".venv", symlinks=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(root / ".venv")})
    Path(packages, "project.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    script = root / ".venv" / "bin" / "ragstone"
    script.write_text(
        f"#!{root}/.venv/bin/python\nfrom ragstone_server.cli.main import main\nif __name__ == '__main__':\n    main()\n"
    )
    script.chmod(0o755)
    shell(block("commands: copy"), root)
    (root / "ragstone.toml").write_text(f'{block("configuration")}\n[server]\nmodels_dir = "{MODELS}"\n')
    return root


@contextmanager
def served(root: Path, command: str) -> Iterator[str]:
    arguments = [*command.split(), "--listen", "127.0.0.1:0", "--data-dir", str(root / "data")]
    with subprocess.Popen(arguments, cwd=root, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.mark.slow
def test_a_stranger_copies_the_template_installs_it_and_sees_it_rerank(checkout: Path) -> None:
    assert "9 passed" in shell(block("commands: install"), checkout)

    check, serve, plugins, retrieve = (line.split("#")[0].strip() for line in block("commands: use").splitlines())
    assert "reranker = overlap" in shell(check, checkout)
    with served(checkout, serve) as address, Client(address) as client:
        rows = json.loads(shell(f"{plugins} --json --server {address}", checkout))["plugins"]
        mine = next(row for row in rows if (row["kind"], row["name"]) == ("reranker", "overlap"))
        assert mine["selected"] is True
        assert mine["distribution"] == "ragstone-plugin-overlap"

        client.upsert_document("ferry", text="The ferry to Nordvik leaves at nine.")
        client.upsert_document("lunch", text="Lunch is served in the saloon.")
        client.retrieve("ready", min_watermark="session")
        passages = json.loads(shell(f"{retrieve} --server {address}", checkout))["passages"]
        assert passages[0]["document"] == "ferry"
        assert passages[0]["score"] == passages[0]["scores"]["rerank"]

        question = "When does the ferry leave?"
        words_only = client.retrieve(question, stage_options={"reranker": {"weight": 1.0}})
        assert words_only[0].scores["rerank"] == pytest.approx(2 / 5)  # "the" and "ferry", of five words


def test_the_template_is_not_shipped_with_the_server(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert any(name.startswith("ragstone_plugins/fusion/") for name in names)
    assert not [name for name in names if "template" in name or name.startswith("tests")]
