"""A PostgreSQL, a Kafka, and servers over them, as in production but on one machine."""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from ragstone_plugins.postgresql.migrate import migrate
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from scripts.benchmarks.process import Measured, ragstone, running
from tests.services import choice
from tests.services.kafka import Kafka
from tests.services.keeper import Keeper
from tests.services.postgresql import PostgreSQL

GROUP = "ragstone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What every server of a run shares."""

    postgresql: PostgreSQL
    kafka: Kafka
    folder: Path
    """For data directories."""

    def database(self, name: str) -> str:
        """The URL of a new database with the schema of a catalog."""
        with psycopg.connect(self.postgresql.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = choice.in_database(self.postgresql.url, name)
        asyncio.run(migrate(PostgresqlConfig(url=SecretStr(url))))
        return url

    @contextlib.contextmanager
    def serving(self, name: str, database: str | None, topic: str | None = None, **settings: str) -> Iterator[Measured]:
        """A server with a data directory of its own, which stays; without a database, over SQLite."""
        environment = {"RAGSTONE__SERVER__LOG_LEVEL": "warning"}
        if database is not None:
            environment |= {"RAGSTONE__CATALOG__USE": "postgresql", "RAGSTONE__CATALOG__URL": "env:RAGSTONE_BENCH_URL"}
            environment["RAGSTONE_BENCH_URL"] = database
        if topic is not None:
            environment |= {
                "RAGSTONE__KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap,
                "RAGSTONE__KAFKA__TOPICS": f'["{topic}"]',
                "RAGSTONE__KAFKA__GROUP": GROUP,
            }
        environment |= {f"RAGSTONE__{key.upper()}": value for key, value in settings.items()}
        with running(*ragstone(self.folder / name), **environment) as server:
            yield server


@contextlib.contextmanager
def production() -> Iterator[Production]:
    """Start them, and leave nothing behind."""
    with (
        Keeper() as keeper,
        PostgreSQL(keeper.place("postgresql")) as postgresql,
        Kafka(keeper.place("kafka")) as kafka,
        tempfile.TemporaryDirectory(prefix="ragstone-bench-") as folder,
    ):
        yield Production(postgresql=postgresql, kafka=kafka, folder=Path(folder))
