"""The real model where it can be had, and a tiny one with random weights."""

import shutil
from pathlib import Path

import pytest

from ragstone_plugins.onnx import sources
from ragstone_plugins.onnx.fetch import pull
from ragstone_plugins.onnx.lock import locked
from ragstone_plugins.onnx.manifest import ModelManifest
from ragstone_plugins.onnx.model import OnnxModel
from ragstone_plugins.onnx.progress import silent
from ragstone_plugins.onnx.settings import DEFAULT_MODEL
from tests.models import MODELS
from tests.unit.plugins.onnx import tiny


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where models stay between runs."""
    return MODELS


@pytest.fixture(scope="session")
def real(models_dir: Path) -> OnnxModel:
    """all-MiniLM-L6-v2, pulled once."""
    directory = models_dir / DEFAULT_MODEL
    if not directory.exists() or ModelManifest.read(directory) is None:
        pull(sources.DEFAULT_SOURCE, directory)
    return OnnxModel.open(directory)


@pytest.fixture(scope="session")
def real_checkpoint(models_dir: Path) -> Path:
    """Its weights as published, fetched once."""
    cache = models_dir / ".checkpoints"
    directory = cache / DEFAULT_MODEL
    with locked(cache / ".lock", lambda: None):
        if not directory.exists():
            work = cache / "partial"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                sources.fetch(sources.DEFAULT_SOURCE, work, silent).rename(directory)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return directory


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model, tiny."""
    return tiny.write(tmp_path_factory.mktemp("published") / "tiny")


@pytest.fixture(scope="session")
def tiny_model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, pulled; its graph was chosen by measuring."""
    directory = tmp_path_factory.mktemp("models") / "tiny"
    pull(str(tiny_checkpoint), directory)
    return directory
