"""Shards: each is built, checked and rebuilt alone, and another number of them is built anew."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.faiss.index import FaissIndex
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.faiss.shards import ShardedView, shard_of
from ragstone_server.spi.positions import DocumentKey
from ragstone_server.testing.conformance.view_base import filled_again, spec, spoil
from ragstone_server.testing.conformance.view_samples import batch, document
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.faiss.views import keys, until

THREE = FaissSettings(shards=3, seal_after_s=3600, check_every_s=0.05)
DOCUMENTS = [document(n, n) for n in range(1, 100)]
EVERYTHING = list(range(1, 100))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


def test_documents_spread_over_the_shards() -> None:
    for shards in (2, 3, 8):
        homes = [shard_of(DocumentKey(key), shards) for key in range(1, 8001)]
        counts = [homes.count(number) for number in range(shards)]
        assert sum(counts) == 8000
        assert max(counts) < 1.1 * 8000 / shards


@pytest.mark.parametrize("damage", ["flipped", "removed"])
async def test_a_shard_without_its_manifest_is_rebuilt_while_the_others_answer(
    host: MemoryHost, tmp_path: Path, damage: str
) -> None:
    async with FaissIndex(THREE, host).open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(3, *DOCUMENTS))
    spoil(tmp_path / "view" / "1-of-3" / "manifest.json", damage)
    others = [key for key in EVERYTHING if shard_of(DocumentKey(key), 3) != 1]
    for _ in range(2):  # what is lost is known after a restart, too
        async with FaissIndex(THREE, host).open_view(spec(tmp_path / "view")) as view:
            assert (view.position, view.lost, await keys(view)) == (3, 0, others)
    async with FaissIndex(THREE, host).open_view(spec(tmp_path / "view")) as view:
        await filled_again(view, DOCUMENTS)
        assert (view.lost, await keys(view)) == (None, EVERYTHING)
        assert await view.count() == 99


async def test_damage_of_one_shard_is_found_while_it_is_open(host: MemoryHost, tmp_path: Path) -> None:
    async with FaissIndex(THREE, host).open_view(spec(tmp_path / "view")) as view:
        await view.apply(batch(3, *DOCUMENTS))
        await view.flush()
        spoil(tmp_path / "view" / "2-of-3" / "00000001.segment", "flipped")
        await view.harmed()
        assert view.lost is not None
        assert "00000001.segment" in view.damage
        others = [key for key in EVERYTHING if shard_of(DocumentKey(key), 3) != 2]
        assert await keys(view) == others
        await filled_again(view, DOCUMENTS)
        assert await keys(view) == EVERYTHING


async def test_another_number_of_shards_begins_anew_and_leaves_nothing(host: MemoryHost, tmp_path: Path) -> None:
    seen = set()
    for shards in (1, 3, 2, 1):
        index = FaissIndex(FaissSettings(shards=shards), host)
        seen.add(index.fingerprint)
        async with index.open_view(spec(tmp_path / "view", generation=index.fingerprint)) as view:
            assert (view.position, view.lost, await keys(view)) == (0, None, [])
            await view.apply(batch(3, *DOCUMENTS))
            assert await keys(view) == EVERYTHING
        manifests = list((tmp_path / "view").rglob("manifest.json"))
        assert len(manifests) == shards
    assert len(seen) == 3


async def test_shards_that_a_crash_left_apart_meet_again(host: MemoryHost, tmp_path: Path) -> None:
    async with FaissIndex(THREE, host).open_view(spec(tmp_path / "view")) as view:
        assert isinstance(view, ShardedView)
        await view.apply(batch(3, *DOCUMENTS))
        await view.flush()
        await view.apply(batch(5, document(1, 101), document(2, 102), document(3, 103)))
        await view.shards[0].flush()
        assert (view.position, view.durable) == (5, 3)
        await until(lambda: view.shards[0].durable == 5)
        await view.apply(batch(4, document(1, 101)))
        assert view.position == 5, "a shard never goes back"
