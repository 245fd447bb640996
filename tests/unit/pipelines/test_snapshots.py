"""Making, listing, restoring and deleting snapshots: interrupted, damaged, twice at once, without space."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ragstone_plugins.sqlite.plugin import PROVIDER
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.catalog import snapshot_folder
from ragstone_server.catalog.snapshot_folder import SnapshotFolder
from ragstone_server.catalog.snapshot_manifest import CATALOG, MANIFEST, SUMS
from ragstone_server.operations.kinds import OperationStopped, Run
from ragstone_server.pipelines import snapshots as shared
from ragstone_server.pipelines import watching
from ragstone_server.pipelines.create_snapshot import CreateSnapshot, CreateSnapshotRequest
from ragstone_server.pipelines.restore_snapshot import RestoreSnapshot, RestoreSnapshotRequest
from ragstone_server.pipelines.settings import SnapshotSettings
from ragstone_server.pipelines.snapshots import Snapshots
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.errors import (
    CatalogUnavailable,
    OperationRunning,
    SnapshotAlreadyExists,
    SnapshotDamaged,
    SnapshotIncompatible,
    SnapshotNoSpace,
    SnapshotNotFound,
    SnapshotsUnsupported,
)
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS, put
from ragstone_server.testing.memory.clock import ManualClock
from ragstone_server.testing.memory.host import MemoryHost

MONDAY = CreateSnapshotRequest(name="monday", description="The first day.")


class House:
    """A catalog of 20 documents with its snapshots; runs operations as the runner does, and may stop them at any save."""

    def __init__(self, store: CatalogStore, folder: Path) -> None:
        self.store = store
        self.reopened = 0
        self.snapshots = Snapshots(
            store=store.snapshots,
            folder=SnapshotFolder(folder, "me"),
            settings=SnapshotSettings(min_free_bytes=0, background_share=1),
            clock=ManualClock(),
            instance="me",
            busy=asyncio.Lock(),
        )
        self.folder = folder
        self.create = CreateSnapshot(self.snapshots, "1.2.3")
        self.saved: list[str] = []

    def restore(self, epoch: str = "") -> RestoreSnapshot:
        return RestoreSnapshot(self.snapshots, epoch or self.store.epoch, self._reopen)

    async def created(self, request: CreateSnapshotRequest = MONDAY) -> Mapping[str, Any]:
        return await self.create(self.run((await self.create.asked(request)).parameters))

    def run(self, parameters: str, *, stop_after: int | None = None, cancel_after: int | None = None) -> Run:
        steps = 0

        async def save(progress: str) -> bool:
            nonlocal steps
            if steps == stop_after:
                raise CatalogUnavailable
            steps += 1
            self.saved.append(progress)
            return cancel_after is not None and steps >= cancel_after

        return Run(parameters, self.saved[-1] if self.saved else "", save)

    def _reopen(self) -> None:
        self.reopened += 1


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[House]:
    async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(SqliteConfig(), host) as store:
        yield House(store, tmp_path / "snapshots")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as made:
        collection = await made.store.create_collection(NAME, SETTINGS, NOW)
        for number in range(20):
            await put(made.store, collection.key, f"d{number}", f"Bell {number} rings.")
        yield made


@pytest.fixture(autouse=True)
def every_look_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "KEPT_EVERY_S", 0)
    monkeypatch.setattr(shared, "KEPT_EVERY_S", 0.01)


async def test_a_snapshot_says_what_it_holds(house: House) -> None:
    result = await house.created()
    assert (result["name"], result["description"], result["version"]) == ("monday", "The first day.", "1.2.3")
    assert (result["epoch"], result["collections"], result["documents"], result["passages"]) == (
        house.store.epoch,
        1,
        20,
        20,
    )
    directory = house.folder / "monday"
    assert {path.name for path in directory.iterdir()} == {CATALOG, MANIFEST, SUMS}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (directory, directory / CATALOG))
    assert result["size_bytes"] == (directory / CATALOG).stat().st_size
    ((found,), last) = await house.snapshots.page("", 10, verify=True)
    assert (found.name, found.problem, found.verified, last) == ("monday", "", True, "")
    assert (await house.created(CreateSnapshotRequest(name="", description="")))["name"].count("-") == 1


async def test_one_that_was_interrupted_is_begun_anew_and_one_that_was_made_is_not_made_again(house: House) -> None:
    parameters = (await house.create.asked(MONDAY)).parameters
    with pytest.raises(CatalogUnavailable):
        await house.create(house.run(parameters, stop_after=0))
    assert list(house.folder.iterdir()) == []
    (house.folder / ".me-monday").mkdir()  # as a kill leaves it
    (house.folder / ".other-monday").mkdir()
    made = await house.create(house.run(parameters))
    assert {path.name for path in house.folder.iterdir()} == {"monday", ".other-monday"}
    written = (house.folder / "monday" / MANIFEST).stat().st_mtime_ns
    assert await house.create(house.run(parameters)) == made
    assert (house.folder / "monday" / MANIFEST).stat().st_mtime_ns == written


async def test_a_name_that_is_taken_is_refused_at_once_and_at_the_end(house: House) -> None:
    first, second = [(await house.create.asked(MONDAY)).parameters for _ in range(2)]
    done = await asyncio.gather(house.create(house.run(first)), house.create(house.run(second)), return_exceptions=True)
    assert [type(each) for each in done] == [dict, SnapshotAlreadyExists]
    with pytest.raises(SnapshotAlreadyExists, match="monday"):
        await house.create.asked(MONDAY)
    assert [path.name for path in house.folder.iterdir()] == ["monday"]


async def test_cancelling_ends_it_and_leaves_nothing(house: House) -> None:
    parameters = (await house.create.asked(MONDAY)).parameters
    with pytest.raises(OperationStopped):
        await house.create(house.run(parameters, cancel_after=1))
    assert list(house.folder.iterdir()) == []
    assert json.loads(house.saved[-1])["stage"]


async def test_one_that_waits_for_another_can_be_cancelled(house: House) -> None:
    parameters = (await house.create.asked(MONDAY)).parameters
    run = house.run(parameters)
    async with house.snapshots.busy:
        waiting = asyncio.create_task(_created(house, run))
        await asyncio.sleep(0)
        run.cancel_requested = True
        with pytest.raises(OperationStopped):
            await waiting
    assert not house.snapshots.busy.locked()


async def test_a_folder_that_cannot_be_used_is_told(house: House) -> None:
    house.folder.write_text("a file")
    with pytest.raises(SnapshotDamaged, match="cannot be read or written"):
        await house.snapshots.page("", 10, verify=False)
    with pytest.raises(SnapshotDamaged, match="cannot be read or written"):
        await house.created()


async def test_a_disk_that_runs_short_ends_it_and_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = (await house.create.asked(MONDAY)).parameters
    looks = iter([10**12])
    monkeypatch.setattr(shared, "free_bytes", lambda directory: next(looks, -1))
    with pytest.raises(SnapshotNoSpace) as refused:
        await house.create(house.run(parameters))
    assert refused.value.metadata["free_bytes"] == "-1"
    assert list(house.folder.iterdir()) == []
    with pytest.raises(SnapshotNoSpace):
        await house.create.asked(MONDAY)


async def test_damage_is_found_by_looking_or_by_reading(house: House) -> None:
    await house.created()
    directory = house.folder / "monday"
    whole = {path: path.read_bytes() for path in directory.iterdir()}

    async def problem(*, verify: bool = False) -> str:
        ((found,), _) = await house.snapshots.page("", 10, verify=verify)
        return found.problem

    for path, said in ((CATALOG, "is missing"), (MANIFEST, "is missing"), (SUMS, "is missing")):
        (directory / path).unlink()
        assert said in await problem()
        with pytest.raises(SnapshotDamaged):
            await house.restore().asked(RestoreSnapshotRequest(name="monday", force=True))
        (directory / path).write_bytes(whole[directory / path])
    for path, changed, said in (
        (CATALOG, whole[directory / CATALOG][:-1], "bytes instead of"),
        (MANIFEST, whole[directory / MANIFEST].replace(b"The first", b"The third"), "checksum"),
        (SUMS, b"\xff\xff", "cannot be read"),
    ):
        (directory / path).write_bytes(changed)
        assert said in await problem()
        (directory / path).write_bytes(whole[directory / path])
    flipped = bytearray(whole[directory / CATALOG])
    flipped[len(flipped) // 2] ^= 1
    (directory / CATALOG).write_bytes(flipped)
    assert await problem() == ""
    assert "its checksum" in await problem(verify=True)
    parameters = (await house.restore().asked(RestoreSnapshotRequest(name="monday", force=True))).parameters
    with pytest.raises(SnapshotDamaged, match="checksum"):
        await house.restore()(house.run(parameters))
    assert house.reopened == 0


async def test_a_manifest_of_a_newer_ragstone_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragstone_server.catalog.snapshot_manifest.FORMAT", 2)
    await house.created()
    monkeypatch.undo()
    with pytest.raises(SnapshotIncompatible, match="its format is 2"):
        await house.restore().asked(RestoreSnapshotRequest(name="monday", force=False))
    ((found,), _) = await house.snapshots.page("", 10, verify=False)
    assert "its format is 2" in found.problem


async def test_without_force_a_restore_only_tells(house: House, tmp_path: Path) -> None:
    await house.created()
    collection = await house.store.collection(NAME)
    await put(house.store, collection.key, "new", "New.")
    before = set((tmp_path / "catalog").iterdir())
    parameters = (await house.restore().asked(RestoreSnapshotRequest(name="monday", force=False))).parameters
    result = await house.restore()(house.run(parameters))
    assert (result["lost"], result["returning"], result["documents"], house.reopened) == (1, 0, 20, 0)
    assert result["differences"] == [{"name": str(NAME), "lost": 1, "returning": 0, "missing": False}]
    assert {path for path in (tmp_path / "catalog").iterdir() if "restor" in path.name} <= before


async def test_with_force_it_asks_for_the_replacement_and_ends_in_the_restored_catalog(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.created()
        parameters = (await house.restore().asked(RestoreSnapshotRequest(name="monday", force=True))).parameters
        waiting = asyncio.create_task(_run(house, parameters))
        while not house.reopened:
            await asyncio.sleep(0.01)
        assert not waiting.done(), "it ends in the restored catalog"
        waiting.cancel()
        await asyncio.wait({waiting})
        epoch = json.loads(house.saved[-1])["epoch"]
        assert epoch != house.store.epoch
        progress = house.saved
    async with opened(tmp_path) as house:
        assert house.store.epoch == epoch
        house.saved = progress
        result = await house.restore()(house.run(parameters))
        assert (result["name"], result["force"], house.reopened) == ("monday", True, 0)
        assert (tmp_path / "catalog" / result["kept"]).exists()


async def _created(house: House, run: Run) -> None:
    await house.create(run)


async def _run(house: House, parameters: str) -> None:
    await house.restore()(house.run(parameters))


async def test_a_restore_that_is_cancelled_leaves_nothing(house: House, tmp_path: Path) -> None:
    await house.created()
    house.saved = []
    parameters = (await house.restore().asked(RestoreSnapshotRequest(name="monday", force=True))).parameters
    with pytest.raises(OperationStopped):
        await house.restore()(house.run(parameters, cancel_after=1))
    assert not [path.name for path in (tmp_path / "catalog").iterdir() if "restor" in path.name]
    assert house.reopened == 0


async def test_one_is_not_deleted_while_another_is_at_work(house: House) -> None:
    await house.created()
    async with house.snapshots.busy:
        with pytest.raises(OperationRunning, match="cancel it"):
            await house.snapshots.delete("monday")
    await house.snapshots.delete("monday")
    assert list(house.folder.iterdir()) == []
    with pytest.raises(SnapshotNotFound):
        await house.snapshots.delete("monday")
    with pytest.raises(SnapshotNotFound):
        await house.restore().asked(RestoreSnapshotRequest(name="monday", force=False))


async def test_pages_go_on_where_the_last_one_ended(house: House) -> None:
    for name in ("c", "a", "b"):
        await house.created(CreateSnapshotRequest(name=name, description=""))
    first, last = await house.snapshots.page("", 2, verify=False)
    assert ([each.name for each in first], last) == (["a", "b"], "b")
    second, last = await house.snapshots.page(last, 2, verify=False)
    assert ([each.name for each in second], last) == (["c"], "")


async def test_a_database_with_backups_of_its_own_says_so(house: House, tmp_path: Path) -> None:
    unsupported = Snapshots(
        store=None,
        folder=SnapshotFolder(tmp_path, "me"),
        settings=SnapshotSettings(),
        clock=ManualClock(),
        instance="me",
        busy=asyncio.Lock(),
    )
    for asked in (
        CreateSnapshot(unsupported, "").asked(MONDAY),
        RestoreSnapshot(unsupported, "", lambda: None).asked(RestoreSnapshotRequest(name="monday", force=True)),
        unsupported.page("", 10, verify=False),
        unsupported.delete("monday"),
    ):
        with pytest.raises(SnapshotsUnsupported, match=r"pg_dump.*migrate --new-epoch"):
            await asked


def test_the_space_of_a_folder_that_is_not_there_is_that_of_its_parent(tmp_path: Path) -> None:
    assert snapshot_folder.free_bytes(tmp_path / "a" / "b") > 0
