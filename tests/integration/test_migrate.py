"""`ragstone migrate`, and what `ragstone serve` says of a database that is not as it has to be."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from ragstone_plugins.postgresql.migrate import SCHEMA
from tests.former_schema import postgresql_of
from tests.served import RAGSTONE, Served


@pytest.fixture
def environment(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of commands over the database, whose configuration is in `ragstone.toml` where they run."""
    (tmp_path / "ragstone.toml").write_text('[catalog]\nuse = "postgresql"\nurl = "env:RAGSTONE_POSTGRESQL_URL"\n')
    monkeypatch.chdir(tmp_path)
    return {**os.environ, "RAGSTONE_POSTGRESQL_URL": postgresql_url}


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RAGSTONE, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)


def refused(environment: dict[str, str], tmp_path: Path) -> str:
    """What `serve` says when it refuses to start."""
    done = run(environment, "serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_new_database_is_migrated_once_and_then_serves(environment: dict[str, str], tmp_path: Path) -> None:
    assert "run `ragstone migrate` once" in refused(environment, tmp_path)
    first = run(environment, "migrate")
    assert (first.returncode, first.stdout) == (0, f"the catalog was migrated from nothing to schema {SCHEMA}\n"), (
        first.stderr
    )
    second = run(environment, "migrate", "--json")
    assert json.loads(second.stdout) == {"done": f"the catalog has schema {SCHEMA} already; nothing was done"}
    with Served(tmp_path / "data", **environment) as server, server.client() as client:
        client.upsert_document("tenants/default/collections/default/documents/a", text="The ferry leaves at nine.")
        assert server.terminate() == 0


def test_a_catalog_of_the_first_schema_is_migrated(
    environment: dict[str, str], postgresql_url: str, tmp_path: Path
) -> None:
    postgresql_of(postgresql_url, "0001")
    assert "a catalog of schema 0001" in refused(environment, tmp_path)
    assert run(environment, "migrate").stdout == f"the catalog was migrated from 0001 to schema {SCHEMA}\n"
    with Served(tmp_path / "data", **environment) as server, server.client() as client:
        assert list(client.operations.list()) == []


def test_of_two_who_migrate_at_once_one_does_it(environment: dict[str, str]) -> None:
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: run(environment, "migrate"), range(4)))
    assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]
    assert sorted("nothing was done" in each.stdout for each in done) == [False, True, True, True]


def test_a_newer_schema_is_refused(environment: dict[str, str], postgresql_url: str, tmp_path: Path) -> None:
    assert run(environment, "migrate").returncode == 0
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for told in (refused(environment, tmp_path), run(environment, "migrate").stderr):
        assert "migrated by a newer Ragstone: its schema is 9999" in told


def test_a_database_that_cannot_be_used_is_told(
    environment: dict[str, str], postgresql_url: str, tmp_path: Path
) -> None:
    for wrong, why in (
        (postgresql_url.replace("ragstone-secret", "wrong"), "password authentication failed"),
        (f"{postgresql_url}x", "does not exist"),
        ("postgresql://127.0.0.1:1/x", "refused"),
    ):
        if wrong == postgresql_url:
            continue
        told = refused({**environment, "RAGSTONE_POSTGRESQL_URL": wrong}, tmp_path)
        assert why in told
        assert "ragstone-secret" not in told
        assert why in run({**environment, "RAGSTONE_POSTGRESQL_URL": wrong}, "migrate").stderr
    told = refused({**environment, "RAGSTONE_POSTGRESQL_URL": "mysql://x"}, tmp_path)
    assert "catalog.url: must begin with postgresql://" in told


def test_an_encoding_that_cannot_hold_every_text_is_refused(environment: dict[str, str], postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS ragstone_latin")
        connection.execute(
            "CREATE DATABASE ragstone_latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    try:
        url = f"{postgresql_url.rpartition('/')[0]}/ragstone_latin"
        told = run({**environment, "RAGSTONE_POSTGRESQL_URL": url}, "migrate").stderr
        assert "the database's encoding is LATIN1; make one with ENCODING 'UTF8'" in told
    finally:
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE ragstone_latin WITH (FORCE)")


def test_a_catalog_that_migrates_itself_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ragstone_server.cli.main", "migrate"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "the catalog sqlite is migrated by `ragstone serve` itself; nothing was done\n", done.stderr
