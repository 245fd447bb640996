import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ragstone_plugins.tantivy.plugin import PROVIDER
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from ragstone_server.spi.views import LexicalQuery
from ragstone_server.testing.conformance.view_base import spec
from ragstone_server.testing.conformance.view_samples import EVERYONE, Model
from ragstone_server.testing.conformance.views import LexicalIndexConformance
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.tantivy.history import HISTORY

POINTS = [FailPoint.LEXICAL_BEFORE_COMMIT, FailPoint.LEXICAL_AFTER_COMMIT, FailPoint.LEXICAL_AFTER_POSITION]
QUERY: LexicalQuery = LexicalIndexConformance().query(EVERYONE, 1000)


@pytest.mark.parametrize("passing", [1, 4])
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_view_reopens_at_durable_and_converges(point: FailPoint, passing: int, tmp_path: Path) -> None:
    environment = {**os.environ, VARIABLE: f"{point}=kill@{passing}", "PYTHONPATH": os.pathsep.join(sys.path)}
    script = Path(__file__).with_name("history.py")
    killed = subprocess.run([sys.executable, script, tmp_path], env=environment, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    async with (
        MemoryHost(tmp_path, tmp_path) as host,
        PROVIDER.open(TantivySettings(), host) as index,
        index.open_view(spec(tmp_path / "view")) as view,
    ):
        saved = 3 * passing if point == FailPoint.LEXICAL_AFTER_POSITION else (passing - 1) // 3 * 3
        assert view.position == view.durable == saved
        model = Model()
        for change in HISTORY[: view.position]:
            model.apply(change)
        for change in HISTORY[view.position :]:
            await view.apply(change)
            model.apply(change)
        found = sorted(hit.key for hit in (await view.search(QUERY)).hits)
        assert found == sorted(each.key for each in model.visible(EVERYONE))
        assert await view.count() == len(found)
