"""The embedder over the real model passes the suite of its kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.onnx.model import OnnxModel
from ragstone_plugins.onnx.plugin import PROVIDER
from ragstone_plugins.onnx.settings import OnnxEmbedderSettings
from ragstone_server.spi.embedder import Embedder
from ragstone_server.testing.conformance.embedder import EmbedderConformance
from ragstone_server.testing.memory.host import MemoryHost


class TestOnnx(EmbedderConformance):
    @pytest.fixture
    async def embedder(self, real: OnnxModel, models_dir: Path, tmp_path: Path) -> AsyncIterator[Embedder]:
        async with (
            MemoryHost(tmp_path, models_dir) as host,
            PROVIDER.open(OnnxEmbedderSettings(model=real.manifest.name), host) as embedder,
        ):
            yield embedder
