"""A catalog in a directory of the test."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from ragstone_plugins.sqlite.plugin import PROVIDER
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.testing.memory.host import MemoryHost

CHILD = Path(__file__).with_name("child.py")


@pytest.fixture
def open_catalog(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager]:
    @asynccontextmanager
    async def opened(**settings):
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(SqliteConfig(**settings), host) as store:
            yield store

    return opened


@pytest.fixture
def catalog_path(tmp_path: Path) -> Path:
    return tmp_path / "catalog" / "catalog.sqlite3"


@pytest.fixture
def start_child(tmp_path: Path) -> Callable[..., subprocess.Popen]:
    def start(action: str, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-W", "error", str(CHILD), str(tmp_path), action],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        )

    return start
