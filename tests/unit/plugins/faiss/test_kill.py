import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ragstone_plugins.faiss.plugin import PROVIDER
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from ragstone_server.spi.views import VectorQuery
from ragstone_server.testing.conformance.view_base import spec
from ragstone_server.testing.conformance.view_samples import EVERYONE, Model
from ragstone_server.testing.conformance.views import VectorIndexConformance
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.faiss.history import HISTORY

POINTS = [FailPoint.VECTORS_BEFORE_SEGMENT, FailPoint.VECTORS_AFTER_SEGMENT, FailPoint.VECTORS_AFTER_MANIFEST]
QUERY: VectorQuery = VectorIndexConformance().query(EVERYONE, 1000)


@pytest.mark.parametrize("passing", [1, 2, 4])
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_view_reopens_at_durable_and_converges(point: FailPoint, passing: int, tmp_path: Path) -> None:
    environment = {**os.environ, VARIABLE: f"{point}=kill@{passing}", "PYTHONPATH": os.pathsep.join(sys.path)}
    script = Path(__file__).with_name("history.py")
    killed = subprocess.run([sys.executable, script, tmp_path], env=environment, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    async with (
        MemoryHost(tmp_path, tmp_path) as host,
        PROVIDER.open(FaissSettings(), host) as index,
        index.open_view(spec(tmp_path / "view")) as view,
    ):
        at_manifest = 3 * (passing if point == FailPoint.VECTORS_AFTER_MANIFEST else passing - 1)
        assert view.position == view.durable == at_manifest
        model = Model()
        for change in HISTORY[: view.position]:
            model.apply(change)
        found = sorted(hit.key for hit in (await view.search(QUERY)).hits)
        assert found == sorted(each.key for each in model.visible(EVERYONE))
        for change in HISTORY[view.position :]:
            await view.apply(change)
            model.apply(change)
        found = sorted(hit.key for hit in (await view.search(QUERY)).hits)
        assert found == sorted(each.key for each in model.visible(EVERYONE))
    live = {path.name for path in (tmp_path / "view").iterdir()}
    assert "manifest.json" in live
    assert not [name for name in live if name.endswith(".tmp")]
