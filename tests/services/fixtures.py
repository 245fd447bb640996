"""The real servers of tests, as fixtures. Each starts when the first test of a process asks for it, and ends with the process.

Where one cannot start, the tests that need it are skipped with the reason; under `CI=true` they fail.
"""

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from ragstone_plugins.postgresql.migrate import migrate
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from tests.services import choice, topics
from tests.services.kafka import Kafka
from tests.services.keeper import Keeper
from tests.services.local import Unavailable
from tests.services.pgbouncer import PgBouncer
from tests.services.postgresql import PostgreSQL

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A Kafka that all tests share."""

    bootstrap: str
    """Its address; it asks for no authentication."""


class MakeTopic(Protocol):
    """Makes a new topic."""

    def __call__(self, partitions: int = 1, **settings: str) -> str:
        """Its name. A setting is one of Kafka's, `_` for `.`: `cleanup_policy="compact"`."""
        ...


def available(start: Callable[[], T]) -> T:
    """What `start` makes; where it is unavailable, the end of the test."""
    try:
        return start()
    except Unavailable as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def keeper() -> Iterator[Keeper]:
    """Folders for servers. What runs in them ends with the tests, however these end."""
    with Keeper() as keeper:
        yield keeper


@pytest.fixture(scope="session")
def _postgresql(keeper: Keeper) -> Iterator[str]:
    with ExitStack() as servers:
        yield available(lambda: choice.postgresql(keeper, servers))


@contextmanager
def _database(server: str, template: str = "template1") -> Iterator[str]:
    """The name of a new database, which is dropped at the end."""
    name = f"ragstone_test_{uuid.uuid4().hex}"
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(made)
    yield name
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def postgresql_url(_postgresql: str) -> Iterator[str]:
    """The URL of a new, empty database, which is dropped after the test."""
    with _database(_postgresql) as name:
        yield choice.in_database(_postgresql, name)


@pytest.fixture(scope="session")
def _catalog(_postgresql: str) -> Iterator[str]:
    """A database with the catalog's schema, to copy: that is faster than to migrate."""
    with _database(_postgresql) as name:
        config = PostgresqlConfig(url=SecretStr(choice.in_database(_postgresql, name)))
        with ThreadPoolExecutor(1) as thread:  # a loop may run in this one
            thread.submit(lambda: asyncio.run(migrate(config))).result()
        yield name


@pytest.fixture
def catalog_url(_postgresql: str, _catalog: str) -> Iterator[str]:
    """The URL of a new database that is migrated and empty, which is dropped after the test."""
    with _database(_postgresql, _catalog) as name:
        yield choice.in_database(_postgresql, name)


@pytest.fixture(scope="session")
def _pgbouncer(keeper: Keeper, _postgresql: str) -> Iterator[PgBouncer]:
    with ExitStack() as servers:
        yield available(lambda: servers.enter_context(PgBouncer(keeper.place("pgbouncer"), _postgresql)))


@pytest.fixture
def pooled_catalog_url(catalog_url: str, _pgbouncer: PgBouncer) -> str:
    """The database of `catalog_url`, behind a pooler of transactions that all tests share."""
    return choice.in_database(_pgbouncer.url, urlsplit(catalog_url).path.removeprefix("/"))


@pytest.fixture(scope="session")
def kafka(keeper: Keeper) -> Iterator[Broker]:
    """A broker that all tests share; each makes topics of its own."""
    with ExitStack() as servers:
        yield Broker(bootstrap=available(lambda: choice.kafka(keeper, servers)))


@pytest.fixture
def topic(kafka: Broker) -> Iterator[MakeTopic]:
    """Makes topics, which are removed after the test."""
    made: list[str] = []

    def make(partitions: int = 1, **settings: str) -> str:
        name = f"ragstone-test-{uuid.uuid4().hex}"
        topics.create(kafka.bootstrap, name, partitions, {k.replace("_", "."): v for k, v in settings.items()})
        made.append(name)
        return name

    yield make
    if made:
        topics.delete(kafka.bootstrap, *made)


@pytest.fixture(scope="module")
def new_postgresql(keeper: Keeper) -> Iterator[Callable[..., PostgreSQL]]:
    """Starts a PostgreSQL of this machine with the options of its class; it ends after the module."""
    with ExitStack() as servers:

        def start(**options: object) -> PostgreSQL:
            make: Callable[..., PostgreSQL] = PostgreSQL
            return available(lambda: servers.enter_context(make(keeper.place("postgresql"), **options)))

        yield start


@pytest.fixture(scope="module")
def new_kafka(keeper: Keeper) -> Iterator[Callable[..., Kafka]]:
    """Starts a Kafka of this machine with the options of its class; it ends after the module."""
    with ExitStack() as servers:

        def start(**options: object) -> Kafka:
            make: Callable[..., Kafka] = Kafka
            return available(lambda: servers.enter_context(make(keeper.place("kafka"), **options)))

        yield start


@pytest.fixture(scope="module")
def new_pgbouncer(keeper: Keeper) -> Iterator[Callable[[str], PgBouncer]]:
    """Starts a pooler of transactions before the server of a URL; it ends after the module."""
    with ExitStack() as servers:

        def start(url: str) -> PgBouncer:
            return available(lambda: servers.enter_context(PgBouncer(keeper.place("pgbouncer"), url)))

        yield start


@pytest.fixture(scope="module")
def _own_postgresql(new_postgresql: Callable[..., PostgreSQL]) -> PostgreSQL:
    return new_postgresql()


@pytest.fixture
def postgresql_server(_own_postgresql: PostgreSQL) -> PostgreSQL:
    """A server to kill and freeze, one for the tests of a module. It runs when a test begins; its data stays."""
    _own_postgresql.heal()
    return _own_postgresql


@pytest.fixture(scope="module")
def _own_kafka(new_kafka: Callable[..., Kafka]) -> Kafka:
    return new_kafka()


@pytest.fixture
def kafka_broker(_own_kafka: Kafka) -> Kafka:
    """A broker to kill and freeze, one for the tests of a module. It runs when a test begins; its data stays."""
    _own_kafka.heal()
    return _own_kafka
