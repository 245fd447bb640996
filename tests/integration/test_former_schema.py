"""Catalogs of the schema from before generations, with documents in them, are migrated, answer, and can be reindexed."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from ragstone import Client
from ragstone_plugins.postgresql.migrate import SCHEMA
from tests.former_schema import postgresql_from, sqlite_from
from tests.generations import COLLECTION, QUESTIONS, cut, fill, note, reindexed, states
from tests.integration.postgresql.test_served import configured
from tests.served import RAGSTONE, Served


def answers(client: Client) -> list[tuple[str, ...]]:
    """Passages of each question, the best first."""
    return [
        tuple(each.chunk for each in client.retrieve(question, collection=COLLECTION, top_k=5))
        for question in QUESTIONS
    ]


def as_it_was(client: Client, before: frozenset[str], answered: list[tuple[str, ...]]) -> None:
    """Its index is the first generation, answers as it did, is written to, and another is built and goes live."""
    assert states(client) == {1: "live"}
    assert cut(client) == before
    assert answers(client) == answered
    client.upsert_document("new", text=note(99), collection=COLLECTION)
    written = cut(client)
    assert written > before
    assert reindexed(client) == 2
    client.admin.generations.activate(2, collection=COLLECTION)
    shorter = cut(client)
    assert len(shorter) > len(written)
    assert not shorter & written
    client.admin.generations.roll_back(collection=COLLECTION)
    assert cut(client) == written
    assert states(client) == {1: "live", 2: "former"}


def test_a_sqlite_catalog_of_the_former_schema(tmp_path: Path) -> None:
    """The server migrates it as it starts; the views that lie beside it are of use still."""
    server = Served(tmp_path / "data")
    with server:
        with server.client() as client:
            fill(client, more=5)
            before, answered = cut(client), answers(client)
        assert server.terminate() == 0
    sqlite_from(tmp_path / "data" / "catalog" / "catalog.sqlite3")
    with server, server.client() as client:
        as_it_was(client, before, answered)


@pytest.mark.parametrize("data", ["there", "anew"])
def test_a_postgresql_catalog_of_the_former_schema(
    catalog_url: str, postgresql_url: str, tmp_path: Path, data: str
) -> None:
    """By `ragstone migrate`; then by a server that has the views, or by one that has none yet."""
    with configured(tmp_path, "there", catalog_url) as server:
        with server.client() as client:
            fill(client, more=5)
            before, answered = cut(client), answers(client)
        assert server.terminate() == 0
    postgresql_from(catalog_url, postgresql_url)
    folder = tmp_path / "migrated"
    folder.mkdir()
    (folder / "ragstone.toml").write_text(f'[catalog]\nuse = "postgresql"\nurl = "{postgresql_url}"\n')
    done = subprocess.run([RAGSTONE, "migrate"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"the catalog was migrated from 0002 to schema {SCHEMA}\n", done.stderr
    with psycopg.connect(postgresql_url) as connection:
        (most,) = connection.execute("SELECT max(key) FROM passage").fetchone() or (0,)
    with Served(tmp_path / data, folder=folder) as server, server.client() as client:
        as_it_was(client, before, answered)
        with psycopg.connect(postgresql_url) as connection:
            found = connection.execute("SELECT min(key), count(*) FROM passage WHERE generation = 2").fetchone()
        assert found is not None
        assert found[0] > most, "no key is given twice"
        assert found[1] > len(before)
