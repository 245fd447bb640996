"""A broker and a database that are there, and servers over them."""

import contextlib
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from ragstone_server.bench.process import BINARY, Measured, ragstone, running

GROUP: Final = "ragstone-bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What every server of a run shares. What is made in them is removed at the end."""

    bootstrap: str
    postgresql: str
    """URL of a server in which databases may be made."""
    folder: Path
    """For data directories."""
    made: contextlib.ExitStack

    def database(self, name: str) -> str:
        """The URL of a new database with the schema of a catalog."""
        unique = f"ragstone_bench_{name}_{uuid.uuid4().hex[:8]}"
        self._run("CREATE DATABASE {}", unique)
        self.made.callback(self._run, "DROP DATABASE {} WITH (FORCE)", unique)
        url = urlunsplit(urlsplit(self.postgresql)._replace(path=f"/{unique}"))
        subprocess.run([BINARY, "migrate"], env={**os.environ, **_catalog(url)}, check=True, stdout=subprocess.DEVNULL)
        return url

    @contextlib.contextmanager
    def serving(self, name: str, database: str | None, topic: str | None = None, **settings: str) -> Iterator[Measured]:
        """A server with a data directory of its own, which stays; without a database, over SQLite."""
        environment = {"RAGSTONE__SERVER__LOG_LEVEL": "warning"}
        if database is not None:
            environment |= _catalog(database)
        if topic is not None:
            environment |= {
                "RAGSTONE__KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
                "RAGSTONE__KAFKA__TOPICS": f'["{topic}"]',
                "RAGSTONE__KAFKA__GROUP": f"{GROUP}-{topic}",
            }
        environment |= {f"RAGSTONE__{key.upper()}": value for key, value in settings.items()}
        with running(*ragstone(self.folder / name), **environment) as server:
            yield server

    def _run(self, statement: str, database: str) -> None:
        with psycopg.connect(self.postgresql, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(database)))


def _catalog(url: str) -> dict[str, str]:
    return {
        "RAGSTONE__CATALOG__USE": "postgresql",
        "RAGSTONE__CATALOG__URL": "env:RAGSTONE_BENCH_URL",
        "RAGSTONE_BENCH_URL": url,
    }
