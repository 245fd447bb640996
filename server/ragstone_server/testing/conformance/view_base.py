"""What the suites of views stand on: how a view is opened, copied as by a crash, and asked for everything."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.views import (
    ChangeBatch,
    DocumentChange,
    Hits,
    View,
    ViewSpec,
)
from ragstone_server.spi.visibility import Visibility
from ragstone_server.testing.conformance.view_samples import (
    DIMENSION,
    EVERYONE,
)

MANY = 1000
PROPERTY = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)


class SearchableView(View, Protocol):
    """Either kind of view."""

    async def search(self, request: Any, /) -> Hits:
        """Search."""
        ...


class Index(Protocol):
    """Either kind of index."""

    @property
    def fingerprint(self) -> str:
        """Of the layout of the files."""
        ...

    def open_view(self, spec: ViewSpec, /) -> AbstractAsyncContextManager[Any]:
        """Open a view."""
        ...


def spec(directory: Path, epoch: str = "epoch", generation: str = "generation", dimension: int = DIMENSION) -> ViewSpec:
    """A view in this directory."""
    return ViewSpec(
        collection=CollectionKey(7), epoch=epoch, generation=generation, directory=directory, dimension=dimension
    )


def copied(directory: Path, to: Path) -> Path:
    """What a crash at this instant leaves on disk."""
    for _ in range(20):
        before = sorted(path.name for path in directory.rglob("*"))
        try:
            shutil.copytree(directory, to)
        except (OSError, shutil.Error):  # a file vanished while it was copied: the view cleans up in the background
            shutil.rmtree(to, ignore_errors=True)
            continue
        if before == sorted(path.name for path in directory.rglob("*")):
            return to
        shutil.rmtree(to)
    raise AssertionError("the view's files never come to rest")


def spoil(path: Path, damage: str) -> None:
    """Damage a file: `truncated`, `emptied`, `flipped` (one bit in its middle), `removed`, or `foreign`, another one's content."""
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes(byte ^ 1 for byte in content[middle : middle + 1]) + content[middle + 1 :]
    spoilt = {"truncated": content[:middle], "flipped": flipped, "foreign": b"x" * len(content)}.get(damage, b"")
    if damage in ("removed", "foreign"):
        path.unlink()  # Who has it open keeps what it has.
    if damage != "removed":
        path.write_bytes(spoilt)


async def filled_again(view: View, documents: Sequence[DocumentChange]) -> None:
    """Do what a follower does over a catalog with these documents, at position 3, until nothing is missing."""
    ordered = sorted(documents, key=lambda change: change.document)
    if view.position < 3:
        await view.apply(ChangeBatch(changes=tuple(ordered), position=Position(3)))
    while (after := view.lost) is not None:
        page = [change for change in ordered if change.document > after][:2]
        upto = page[-1].document if page and page[-1] is not ordered[-1] else None
        await view.repair(ChangeBatch(changes=tuple(page), position=Position(3)), after, upto)


class ViewBase:
    """Asks a view of either kind; `query` says how."""

    def query(self, visibility: Visibility, limit: int) -> Any:
        """A request that every sample passage answers."""
        raise NotImplementedError

    async def keys(self, view: SearchableView, visibility: Visibility = EVERYONE, limit: int = MANY) -> list[int]:
        """Keys of all that can be found, ascending; checks order and uniqueness of the hits."""
        hits = (await view.search(self.query(visibility, limit))).hits
        scores, keys = [hit.score for hit in hits], [hit.key for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert len(set(keys)) == len(keys) <= limit
        return sorted(keys)

    @pytest.fixture
    async def view(self, index: Index, tmp_path: Path) -> AsyncIterator[SearchableView]:
        """An empty view."""
        async with index.open_view(spec(tmp_path / "view")) as view:
            yield view
