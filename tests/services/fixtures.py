"""The real servers of tests, as fixtures. Each starts when the first test of a process asks for it, and ends with the process.

Where one cannot start, the tests that need it are skipped with the reason; under `CI=true` they fail.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

import psycopg
import pytest
from psycopg import sql

from tests.services import choice
from tests.services.keeper import Keeper
from tests.services.local import Unavailable
from tests.services.postgresql import PostgreSQL

T = TypeVar("T")


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


@pytest.fixture
def postgresql_url(_postgresql: str) -> Iterator[str]:
    """The URL of a new, empty database, which is dropped after the test."""
    name = f"ragstone_test_{uuid.uuid4().hex}"
    with psycopg.connect(_postgresql, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield choice.in_database(_postgresql, name)
    with psycopg.connect(_postgresql, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def new_postgresql(keeper: Keeper) -> Iterator[Callable[..., PostgreSQL]]:
    """Starts a server of this machine with the options of its class; it ends after the module."""
    with ExitStack() as servers:

        def start(**options: object) -> PostgreSQL:
            make: Callable[..., PostgreSQL] = PostgreSQL
            return available(lambda: servers.enter_context(make(keeper.place("postgresql"), **options)))

        yield start


@pytest.fixture(scope="module")
def _own_postgresql(new_postgresql: Callable[..., PostgreSQL]) -> PostgreSQL:
    return new_postgresql()


@pytest.fixture
def postgresql_server(_own_postgresql: PostgreSQL) -> PostgreSQL:
    """A server to kill and freeze, one for the tests of a module. It runs when a test begins; its data stays."""
    _own_postgresql.heal()
    return _own_postgresql
