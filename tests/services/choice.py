"""Which server a test gets: a given one, one in a container, or one of this machine, in this order."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final
from urllib.parse import urlsplit

from tests.services import containers
from tests.services.kafka import Kafka
from tests.services.keeper import Keeper
from tests.services.local import Unavailable
from tests.services.postgresql import PostgreSQL

POSTGRESQL_VARIABLE: Final = "RAGSTONE_TEST_POSTGRESQL_URL"
KAFKA_VARIABLE: Final = "RAGSTONE_TEST_KAFKA"


def postgresql(keeper: Keeper, servers: ExitStack) -> str:
    """The URL of a server in which databases may be made; one that was started here ends with `servers`."""

    def local() -> str:
        return servers.enter_context(PostgreSQL(keeper.place("postgresql"))).url

    return _first(POSTGRESQL_VARIABLE, lambda: containers.postgresql(keeper), local)


def kafka(keeper: Keeper, servers: ExitStack) -> str:
    """The address of a broker that asks for no authentication; one that was started here ends with `servers`."""

    def local() -> str:
        return servers.enter_context(Kafka(keeper.place("kafka"))).bootstrap

    return _first(KAFKA_VARIABLE, lambda: containers.kafka(keeper), local)


def in_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _first(variable: str, *ways: Callable[[], str]) -> str:
    if given := os.environ.get(variable):
        return given
    missing = []
    for way in ways:
        try:
            return way()
        except Unavailable as reason:
            missing.append(str(reason))
    raise Unavailable(f"{'; '.join(missing)}; or set {variable} to a running one")
