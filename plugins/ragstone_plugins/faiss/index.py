"""Opens views."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ragstone_plugins.faiss.keeper import Keeper
from ragstone_plugins.faiss.lost import Lost
from ragstone_plugins.faiss.manifest import FORMAT
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.faiss.shards import ShardedView
from ragstone_plugins.faiss.state import State
from ragstone_plugins.faiss.store import WHOLE, Opened, Store
from ragstone_plugins.faiss.view import FaissView
from ragstone_server.spi.host import Host
from ragstone_server.spi.positions import DocumentKey
from ragstone_server.spi.views import VectorView, ViewSpec


class FaissIndex:
    """Fits `spi.vector_index.VectorIndex`."""

    def __init__(self, settings: FaissSettings, host: Host) -> None:
        self._settings = settings
        self._host = host

    @property
    def fingerprint(self) -> str:
        """Format of the files, and their division."""
        return f"faiss-flat-fp16-{FORMAT}-{self._settings.shards}"

    @asynccontextmanager
    async def open_view(self, spec: ViewSpec, /) -> AsyncIterator[VectorView]:
        """Open the files of a view and keep them until the context is left."""
        count = self._settings.shards
        names = [WHOLE] if count == 1 else [f"{number}-of-{count}" for number in range(count)]
        stores = [Store(spec, self._settings.dead_share, name) for name in names]
        opened = await self._host.bulk.run(_open, spec.directory, stores)
        harm = asyncio.Event()
        shards = [
            FaissView(self._settings, self._host, store, each, spec.dimension, harm)
            for store, each in zip(stores, opened, strict=True)
        ]
        async with AsyncExitStack() as stack:
            for shard, store in zip(shards, stores, strict=True):
                await stack.enter_async_context(self._kept(shard, store))
            yield shards[0] if count == 1 else ShardedView(shards, harm)

    @asynccontextmanager
    async def _kept(self, view: FaissView, store: Store) -> AsyncIterator[None]:
        keeper = Keeper(view, store, self._settings, self._host)
        work = (view.seal_when_due(), keeper.merge_when_due(), keeper.check_forever())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await view.close()


def _open(directory: Path, stores: Sequence[Store]) -> list[Opened]:
    """Open the shards. One without a manifest is filled again while the others answer, where these tell up to which position."""
    _remove_other_shards(directory, {store.directory for store in stores})
    opened = [store.open() for store in stores]
    position = min((each.state.position for each in opened if not each.doubtful), default=None)
    if position is None:
        return opened
    for number, (store, each) in enumerate(zip(stores, opened, strict=True)):
        if each.doubtful:
            state = State(position=position, lost=Lost(all_after=DocumentKey(0)))
            store.adopt(state)
            opened[number] = replace(each, state=state)
    return opened


def _remove_other_shards(directory: Path, wanted: set[Path]) -> None:
    """What another number of shards left."""
    for folder in directory.glob("*-of-*"):
        if folder not in wanted:
            shutil.rmtree(folder, ignore_errors=True)
    if directory not in wanted:
        for path in directory.glob("*"):
            if path.is_file():
                path.unlink()
