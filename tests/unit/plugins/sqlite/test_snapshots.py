"""Copies of the catalog made while it is written to, and put in its place."""

import asyncio
import json
import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from ragstone_plugins.sqlite import connections
from ragstone_plugins.sqlite.migrate import SCHEMA
from ragstone_plugins.sqlite.restoring import mark_of, prepared_of
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.errors import SnapshotDamaged, SnapshotIncompatible, StartError
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.operations import NewOperation, OperationId, OperationState
from ragstone_server.spi.snapshots import CollectionDifference, DueRestore, SnapshotStage, SnapshotStore
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, delete, name, put
from tests.unit.plugins.sqlite.kinds import OpenCatalog

DUE = DueRestore(operation="own", snapshot="snapshots/monday", kept="former.sqlite3")


def snapshots_of(store: CatalogStore) -> SnapshotStore:
    assert store.snapshots is not None
    return store.snapshots


def unwatched(stage: SnapshotStage, done: int, total: int) -> None:
    assert 0 <= done <= total, stage


def _incompressible(seed: int) -> str:
    return "".join(chr(0x4E00 + (seed * 7919 + n * n * 104729) % 20000) for n in range(30_000))


class _Enough(Exception):
    pass


async def test_a_copy_is_of_one_instant_and_writers_go_on_meanwhile(open_catalog: OpenCatalog, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with open_catalog(wal_bytes=1024 * 1024) as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        for number in range(60):
            await put(store, collection.key, f"{number}", _incompressible(number))
        written = 0

        def write(stage: SnapshotStage, done: int, total: int) -> None:
            nonlocal written
            unwatched(stage, done, total)
            if stage is SnapshotStage.COPYING and done < total:
                written += 1
                work = put(store, collection.key, f"during-{written}", _incompressible(written))
                asyncio.run_coroutine_threadsafe(work, loop).result(30)
                # Deleting empties the log; what waited for the copy to let go of it would wait for ever here.
                gone = store.retire(collection.key, collection.head, collection.head, NOW)
                asyncio.run_coroutine_threadsafe(gone, loop).result(30)

        found = await asyncio.to_thread(snapshots_of(store).copy, tmp_path / "copy", write)
        assert written > 1, "the copy was made in one step"
        assert [(each.name, each.head, each.documents) for each in found.collections] == [(str(NAME), 60, 60)]
        assert (found.epoch, found.schema) == (store.epoch, SCHEMA)
        assert await store.document_count(collection.key) == 60 + written
        with closing(sqlite3.connect(tmp_path / "copy")) as copied:
            assert copied.execute("SELECT count(*) FROM document").fetchone()[0] == 60
            assert copied.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert copied.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
        await store.retire(collection.key, collection.head, collection.head, NOW)
        log = tmp_path / "catalog" / "catalog.sqlite3-wal"
        assert log.stat().st_size == 0, "the log is emptied again after the copy"


async def test_a_copy_that_is_ended_leaves_the_catalog_as_it_was(open_catalog: OpenCatalog, tmp_path: Path) -> None:
    def ending(stage: SnapshotStage, done: int, total: int) -> None:
        raise _Enough

    async with open_catalog() as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        with pytest.raises(_Enough):
            await asyncio.to_thread(snapshots_of(store).copy, tmp_path / "copy", ending)
        await put(store, collection.key, "one", "text")
        await store.delete_collection(collection.key, force=True)
        assert (tmp_path / "catalog" / "catalog.sqlite3-wal").stat().st_size == 0


async def test_a_prepared_copy_takes_the_catalogs_place_at_the_next_opening(
    open_catalog: OpenCatalog, tmp_path: Path, catalog_path: Path
) -> None:
    copy = tmp_path / "copy"
    async with open_catalog() as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        for document in ("kept", "changed", "deleted"):
            await put(store, collection.key, document, document)
        stale = await store.operations.put(NewOperation(kind="purge", parameters='{"id": "stale"}'), NOW)
        snapshots = snapshots_of(store)
        await asyncio.to_thread(snapshots.copy, copy, unwatched)
        await put(store, collection.key, "changed", "changed again", version=2)
        await put(store, collection.key, "new", "new")
        await delete(store, collection.key, "deleted")
        await store.create_collection(name("later"), SETTINGS, NOW)
        running = await store.operations.put(NewOperation(kind="purge", parameters='{"id": "other"}'), NOW)
        own = await store.operations.put(NewOperation(kind="restore", parameters='{"id": "own"}'), NOW)
        claim = await store.operations.claim(own, "me", NOW)
        assert claim is not None
        await store.operations.save(claim, '{"far": 1}', NOW)
        await store.operations.request_cancel(own.id, NOW)
        prepared = await asyncio.to_thread(snapshots.prepare, copy, unwatched)
        assert prepared.epoch != store.epoch
        assert await asyncio.to_thread(snapshots.compare, unwatched) == (
            CollectionDifference(name=str(NAME), lost=2, returning=1, missing=False),
            CollectionDifference(name=str(name("later")), lost=0, returning=0, missing=True),
        )
        await asyncio.to_thread(snapshots.due, DUE)
        await asyncio.to_thread(snapshots.discard)
        assert prepared_of(catalog_path).exists(), "what is due is kept"
    async with open_catalog() as store:
        assert store.epoch == prepared.epoch
        versions = await store.versions(
            collection.key, [DocumentId(each) for each in ("kept", "changed", "new", "deleted")]
        )
        assert {document: each.version for document, each in versions.items()} == dict.fromkeys(
            ("kept", "changed", "deleted"), 1
        )
        for each in (stale, running):
            ended = await store.operations.operation(each.id)
            assert ended is not None
            assert ended.state is OperationState.CANCELLED
            assert ended.failure is not None
            assert "restored from snapshots/monday" in ended.failure.message
        mine = await store.operations.operation(own.id)
        assert mine is not None
        assert not mine.done
        assert not mine.cancel_requested
        assert (mine.progress, mine.runner) == ('{"far": 1}', "me")
        later = await store.operations.put(NewOperation(kind="x", parameters="{}"), NOW)
        assert later.id == OperationId(own.id + 1), "numbers of operations go on"
        assert not mark_of(catalog_path).exists()
        assert not prepared_of(catalog_path).exists()
    kept = catalog_path.with_name("former.sqlite3")
    with closing(sqlite3.connect(kept)) as former:
        assert {row[0] for row in former.execute("SELECT id FROM document")} == {"kept", "changed", "new"}
    async with open_catalog() as store:
        assert store.epoch == prepared.epoch, "once is enough"


async def test_what_is_prepared_and_not_due_is_removed_at_the_next_opening(
    open_catalog: OpenCatalog, tmp_path: Path, catalog_path: Path
) -> None:
    async with open_catalog() as store:
        await asyncio.to_thread(snapshots_of(store).copy, tmp_path / "copy", unwatched)
        await asyncio.to_thread(snapshots_of(store).prepare, tmp_path / "copy", unwatched)
        epoch = store.epoch
        assert prepared_of(catalog_path).exists()
    async with open_catalog() as store:
        assert not prepared_of(catalog_path).exists()
        assert store.epoch == epoch


async def test_an_older_schema_is_migrated_on_a_copy(open_catalog: OpenCatalog, tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite3"
    config = Config()
    config.set_main_option("script_location", str(files("ragstone_plugins.sqlite") / "migrations"))
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.exec_driver_sql("INSERT INTO meta VALUES ('epoch', 'of-old')")
    engine.dispose()
    before = old.read_bytes()
    async with open_catalog() as store:
        found = await asyncio.to_thread(snapshots_of(store).prepare, old, unwatched)
        assert (found.schema, found.collections) == (SCHEMA, ())
        assert old.read_bytes() == before
        await asyncio.to_thread(snapshots_of(store).due, DUE)
    async with open_catalog() as store:
        assert store.epoch == found.epoch
        assert await store.operations.operations(None, 1) == ()


async def test_a_newer_schema_and_a_damaged_copy_are_refused(open_catalog: OpenCatalog, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    async with open_catalog() as store:
        collection = await store.create_collection(NAME, SETTINGS, NOW)
        for number in range(30):
            await put(store, collection.key, f"{number}", f"{number} " * 500)
        snapshots = snapshots_of(store)
        await asyncio.to_thread(snapshots.copy, copy, unwatched)
        whole = copy.read_bytes()
        with closing(sqlite3.connect(copy)) as newer:
            newer.execute("UPDATE alembic_version SET version_num = '9999'")
            newer.commit()
        with pytest.raises(SnapshotIncompatible, match="9999"):
            await asyncio.to_thread(snapshots.prepare, copy, unwatched)
        for damaged in (whole[:8192] + b"\xff" * 4096 + whole[12288:], whole[: len(whole) // 2], b"no database" * 500):
            copy.write_bytes(damaged)
            with pytest.raises(SnapshotDamaged):
                await asyncio.to_thread(snapshots.prepare, copy, unwatched)
        with closing(sqlite3.connect(tmp_path / "accounts")) as other:
            other.execute("CREATE TABLE accounts (name TEXT)")
        with pytest.raises(SnapshotDamaged, match="not a catalog"):
            await asyncio.to_thread(snapshots.prepare, tmp_path / "accounts", unwatched)
        assert await store.document_count(collection.key) == 30


async def test_a_restore_that_cannot_be_finished_leaves_the_former_catalog(
    open_catalog: OpenCatalog, tmp_path: Path, catalog_path: Path
) -> None:
    async with open_catalog() as store:
        epoch = store.epoch
        await asyncio.to_thread(snapshots_of(store).copy, tmp_path / "copy", unwatched)
        await asyncio.to_thread(snapshots_of(store).prepare, tmp_path / "copy", unwatched)
    mark_of(catalog_path).write_text(json.dumps({"operation": "own"}))
    with pytest.raises(StartError, match="go on without the restore"):
        async with open_catalog():
            pass
    mark_of(catalog_path).unlink()
    async with open_catalog() as store:
        assert store.epoch == epoch


async def test_a_catalog_that_another_process_reads_is_not_replaced_under_it(
    open_catalog: OpenCatalog, tmp_path: Path, catalog_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_S", 0.1)
    async with open_catalog() as store:
        await asyncio.to_thread(snapshots_of(store).copy, tmp_path / "copy", unwatched)
        prepared = await asyncio.to_thread(snapshots_of(store).prepare, tmp_path / "copy", unwatched)
        await asyncio.to_thread(snapshots_of(store).due, DUE)
        other = sqlite3.connect(catalog_path, isolation_level=None)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM document").fetchone()
        await store.create_collection(NAME, SETTINGS, NOW)
    with pytest.raises(StartError, match=r"another process has .* open: .*-wal is in use"):
        async with open_catalog():
            pass
    other.close()
    async with open_catalog() as store:
        assert store.epoch == prepared.epoch


async def test_where_a_file_cannot_have_two_names_the_catalog_is_renamed(
    open_catalog: OpenCatalog, tmp_path: Path, catalog_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_catalog() as store:
        await asyncio.to_thread(snapshots_of(store).copy, tmp_path / "copy", unwatched)
        prepared = await asyncio.to_thread(snapshots_of(store).prepare, tmp_path / "copy", unwatched)
        await asyncio.to_thread(snapshots_of(store).due, DUE)

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    catalog_path.rename(catalog_path.with_name(DUE.kept))  # as a kill right after it leaves it
    async with open_catalog() as store:
        assert store.epoch == prepared.epoch
    with sqlite3.connect(catalog_path.with_name(DUE.kept)) as former:
        assert former.execute("SELECT count(*) FROM meta WHERE value = ?", (prepared.epoch,)).fetchone() == (0,)
    former.close()
