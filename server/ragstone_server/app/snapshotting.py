"""Making and restoring snapshots, with the folder that they lie in."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as distribution_version
from pathlib import Path

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.catalog.snapshot_folder import SnapshotFolder
from ragstone_server.pipelines.create_snapshot import CreateSnapshot
from ragstone_server.pipelines.restore_snapshot import RestoreSnapshot
from ragstone_server.pipelines.settings import SnapshotSettings
from ragstone_server.pipelines.snapshots import Snapshots

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotWork:
    """What is done with snapshots."""

    all: Snapshots
    create: CreateSnapshot
    restore: RestoreSnapshot


async def open_snapshots(
    settings: SnapshotSettings, catalog: Catalog, data_dir: Path, instance: str, reopen: Callable[[], None]
) -> SnapshotWork:
    """What a former process left unfinished in the folder is removed."""
    folder = SnapshotFolder(settings.directory or data_dir / "snapshots", instance)
    try:
        await asyncio.to_thread(folder.clear)
    except OSError as error:
        # A disk of backups that is away is no reason not to answer.
        logger.warning("the folder of snapshots cannot be used: %s", error)
    snapshots = Snapshots(
        store=catalog.store.snapshots,
        folder=folder,
        settings=settings,
        clock=catalog.clock,
        instance=instance,
        busy=asyncio.Lock(),
    )
    return SnapshotWork(
        all=snapshots,
        create=CreateSnapshot(snapshots, distribution_version("ragstone-server")),
        restore=RestoreSnapshot(snapshots, catalog.store.epoch, reopen),
    )
