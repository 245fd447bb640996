"""A catalog in a directory of the test."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ragstone_plugins.sqlite.plugin import PROVIDER
from ragstone_plugins.sqlite.settings import SqliteConfig
from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.sqlite.kinds import OpenCatalog, StartChild

CHILD = Path(__file__).with_name("child.py")


@pytest.fixture
def open_catalog(tmp_path: Path) -> OpenCatalog:
    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[CatalogStore]:
        async with MemoryHost(tmp_path, tmp_path) as host, PROVIDER.open(SqliteConfig(**settings), host) as store:
            yield store

    return opened


@pytest.fixture
def catalog_path(tmp_path: Path) -> Path:
    return tmp_path / "catalog" / "catalog.sqlite3"


@pytest.fixture
def start_child(tmp_path: Path) -> Iterator[StartChild]:
    children: list[subprocess.Popen[str]] = []

    def start(action: str, **environment: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-W", "error", str(CHILD), str(tmp_path), action],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        with child:  # closes its pipes and waits for it
            pass
