"""The schema's version: made once, kept, refused where it is newer or not ours."""

import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from ragstone_plugins.sqlite.migrate import SCHEMA
from ragstone_server.spi.catalog_store import Generation, GenerationNumber, GenerationState
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.names import CollectionName, DocumentId
from ragstone_server.spi.positions import DocumentKey
from ragstone_server.testing.conformance.catalog_prompts import ANNA, draft
from ragstone_server.testing.conformance.catalog_samples import EMBEDDER, NAME, NOW, Follower, put
from tests.unit.plugins.sqlite import former
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
    former.make(catalog_path)
    async with open_catalog() as store:
        made = await store.collection(NAME)
        first = made.live
        assert first is not None
        assert (first.number, first.recipe, first.activated) == (FIRST, None, NOW)
        assert first.generation == Generation(embedder=EMBEDDER, chunker=former.CHUNKER)
        empty = await store.collection(CollectionName.parse(f"{NAME}-empty"))
        assert (empty.generations, empty.head) == ((), 0)
        document = await store.document(made.key, DocumentId("a"))
        assert document is not None
        assert document.passages == 2
        follower = Follower(store, made.key)
        await follower.catch_up()
        assert sorted(follower.passages()) == [5, 6]
        assert tuple(follower.texts()) == former.PIECES
        assert all(each.vector is not None for change in follower.documents.values() for each in change.passages)
        (uncut,) = await store.uncut(made.key, GenerationNumber(2), DocumentKey(0), 10)
        assert (uncut.text, uncut.outline, uncut.pages) == ("ferry\n\nisland", "", ((1, 0), (2, 7)))
        assert (await store.prompts.create(made.key, draft("one"), ANNA, NOW)).version == 1
        await put(store, made.key, "b", "winter")
        await follower.catch_up()
        assert max(follower.passages()) == 7, "no key is given twice"
        async with store.transaction(made.key) as transaction:
            assert await transaction.add_generation(first.generation, None, GenerationState.BUILDING, NOW) == 2


async def test_no_key_of_a_passage_is_given_twice_over_the_migration(
    open_catalog: OpenCatalog, catalog_path: Path
) -> None:
    """Also where the latest passages were deleted before it."""
    former.make(catalog_path)
    with sqlite3.connect(catalog_path) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM document")
    connection.close()
    async with open_catalog() as store:
        made = await store.collection(NAME)
        await put(store, made.key, "b", "winter")
        follower = Follower(store, made.key)
        await follower.catch_up()
        assert follower.passages() == [7]
