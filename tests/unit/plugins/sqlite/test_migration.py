"""The schema's version: made once, kept, refused where it is newer or not ours."""

import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from ragstone_plugins.sqlite.migrate import SCHEMA
from ragstone_server.spi.errors import StartError
from ragstone_server.testing.conformance.catalog_prompts import ANNA, draft
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS
from tests.unit.plugins.sqlite.kinds import OpenCatalog, StartChild


def test_the_program_knows_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(files("ragstone_plugins.sqlite") / "migrations"))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [SCHEMA]
    assert all(len(each.revision) == 4 and each.revision.isdigit() for each in script.walk_revisions())


async def test_reopening_keeps_the_epoch(open_catalog: OpenCatalog) -> None:
    async with open_catalog() as store:
        epoch = store.epoch
    async with open_catalog() as store:
        assert store.epoch == epoch


def test_alembic_is_imported_only_to_migrate(start_child: StartChild) -> None:
    said = []
    for _ in range(2):
        out, err = start_child("open").communicate(timeout=60)
        assert not err
        said.append(out.split()[2:])
    assert said == [["True", "True"], ["False", "False"]]


def test_two_processes_make_one_catalog(start_child: StartChild) -> None:
    children = [start_child("open") for _ in range(2)]
    epochs = set()
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        epochs.add(out.split()[1])
    assert len(epochs) == 1


async def test_a_newer_schema_is_refused(open_catalog: OpenCatalog, catalog_path: Path) -> None:
    async with open_catalog():
        pass
    with sqlite3.connect(catalog_path) as connection:
        connection.execute("DROP TABLE source")
        connection.execute("DROP TABLE dead_letter")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StartError, match=r"newer Ragstone.*9999.*start the newer version again, or restore"):
        async with open_catalog():
            pass


async def test_another_programs_database_is_refused(open_catalog: OpenCatalog, catalog_path: Path) -> None:
    catalog_path.parent.mkdir()
    with sqlite3.connect(catalog_path) as connection:
        connection.execute("CREATE TABLE accounts (name TEXT)")
    connection.close()
    with pytest.raises(StartError, match="another program"):
        async with open_catalog():
            pass


async def test_what_is_no_database_is_refused(open_catalog: OpenCatalog, catalog_path: Path) -> None:
    catalog_path.parent.mkdir()
    catalog_path.write_text("This is a letter, and it is long enough to be a header. " * 100)
    with pytest.raises(StartError, match="cannot be opened"):
        async with open_catalog():
            pass
    assert catalog_path.read_text().startswith("This is a letter")


async def test_a_directory_that_cannot_be_made_is_refused(open_catalog: OpenCatalog, catalog_path: Path) -> None:
    catalog_path.parent.write_text("a file")
    with pytest.raises(StartError, match=r"catalog\.path"):
        async with open_catalog():
            pass


async def test_a_catalog_of_the_first_schema_is_migrated_with_what_it_holds(
    open_catalog: OpenCatalog, catalog_path: Path
) -> None:
    async with open_catalog() as store:
        made = await store.create_collection(NAME, SETTINGS, NOW)
    with sqlite3.connect(catalog_path) as connection:
        gone = ("prompt", "prompt_activation", "source", "dead_letter", "operation", "question")
        connection.executescript("".join(f"DROP TABLE {table};" for table in gone))
        connection.execute("ALTER TABLE follower DROP COLUMN seen")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    async with open_catalog() as store:
        assert await store.collection(NAME) == made
        assert (await store.prompts.create(made.key, draft("one"), ANNA, NOW)).version == 1
