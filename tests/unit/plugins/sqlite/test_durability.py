"""P1 and P2: what was acknowledged is there after `kill -9`, and a transaction is there as a whole or not at all."""

import signal

import pytest

from ragstone_server.spi.names import DocumentId
from ragstone_server.testing.conformance.catalog_samples import NAME, Follower
from tests.unit.plugins.sqlite.kinds import OpenCatalog, StartChild

PARTS = [DocumentId(part) for part in ("one", "two", "three")]


@pytest.mark.parametrize(("point", "unacknowledged"), [("catalog-before-commit", 0), ("catalog-after-commit", 1)])
async def test_p1_killed_around_a_commit(
    open_catalog: OpenCatalog, start_child: StartChild, point: str, unacknowledged: int
) -> None:
    child = start_child("write", RAGSTONE_FAIL_POINTS=f"{point}=kill@4")
    out, err = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, err
    assert out.split("\n")[-2] == "acknowledged 3"
    async with open_catalog() as store:
        collection = await store.collection(NAME)
        version = 3 + unacknowledged
        stored = await store.versions(collection.key, PARTS)
        assert [stored[part].version for part in PARTS] == [version] * 3
        assert collection.head == 3 * version
        follower, fresh = Follower(store, collection.key), Follower(store, collection.key)
        await follower.catch_up()
        await fresh.rebuild(10)
        assert follower.plain() == fresh.plain()
        assert follower.texts() == [f"ferry {version}"] * 3


async def test_p1_killed_at_any_instant(open_catalog: OpenCatalog, start_child: StartChild) -> None:
    acknowledged = 0
    for lines in (2, 5, 11):
        child = start_child("write")
        assert child.stdout is not None
        for _ in range(lines + 1):
            line = child.stdout.readline().split()
        child.kill()
        rest, _ = child.communicate(timeout=60)
        acknowledged = int((rest.split() or line)[-1])
        async with open_catalog() as store:
            collection = await store.collection(NAME)
            stored = await store.versions(collection.key, PARTS)
            assert len({stored[part].version for part in PARTS}) == 1
            assert stored[PARTS[0]].version in (acknowledged, acknowledged + 1)
