"""The servers and the processes of one test."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from pydantic import SecretStr

from ragstone import RagstoneError
from ragstone_plugins.postgresql.migrate import migrate
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from tests.faults.cluster.node import Node, Supervisor
from tests.faults.cluster.waiting import until
from tests.services import topics
from tests.services.fixtures import available
from tests.services.kafka import Kafka
from tests.services.keeper import Keeper
from tests.services.postgresql import PostgreSQL
from tests.services.proxy import Proxy

GROUP: Final = "ragstone"
DEAD: Final = "documents.dead"
NOTES: Final = "notes"
TOPICS: Final[Mapping[str, int]] = {"documents": 3, NOTES: 2}
"""With their partitions. Events of the first name their collection, the second is bound to one."""

_CONFIGURATION: Final = """
[catalog]
use = "postgresql"
url = "{url}"
connect_timeout_seconds = 3
lock_seconds = 3
idle_in_transaction_seconds = 3
[kafka]
bootstrap_servers = "{bootstrap}"
topics = [{topics}]
group = "{group}"
dead_letter_topic = "{dead}"
collections = {{ notes = "notes" }}
session_seconds = 6
max_documents_in_flight = 64
[indexing]
refresh_seconds = 0.1
poll_seconds = 0.2
retire_seconds = 1
[vector_index]
seal_rows = 40
seal_after_s = 0.5
[lexical_index]
save_after_s = 0.3
"""
"""Patience is short and files are written often, so that a short test reaches every instant."""


@contextmanager
def running(make: Callable[[], "Cluster"]) -> Iterator["Cluster"]:
    """A cluster that serves; where a server cannot run here, the end of the test."""
    with ExitStack() as stack:
        yield available(lambda: stack.enter_context(make()))


class Cluster:
    """PostgreSQL and Kafka, each behind a proxy, and processes of Ragstone under a supervisor."""

    def __init__(self, keeper: Keeper, nodes: Mapping[str, Sequence[str]]) -> None:
        """`nodes` are names with their roles."""
        self._open = ExitStack()
        self.database_line = Proxy()
        self.broker_line = Proxy()
        self.postgresql = PostgreSQL(keeper.place("postgresql"))
        self.kafka = Kafka(keeper.place("kafka"), advertise=self.broker_line.address)
        url = self.postgresql.url.replace(f":{self.postgresql.port}/", f":{self.database_line.port}/")
        configuration = _CONFIGURATION.format(
            url=url,
            bootstrap=self.kafka.bootstrap,
            topics=", ".join(f'"{topic}"' for topic in TOPICS),
            group=GROUP,
            dead=DEAD,
        )
        self.nodes = {name: Node(keeper.place(name), name, roles, configuration) for name, roles in nodes.items()}
        self.supervisor = Supervisor(list(self.nodes.values()))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.database_line.target = f"127.0.0.1:{self.postgresql.port}"
            self.broker_line.target = self.kafka.address
            stack.enter_context(self.database_line)
            stack.enter_context(self.broker_line)
            stack.enter_context(self.postgresql)
            stack.enter_context(self.kafka)
            for topic, partitions in {**TOPICS, DEAD: 1}.items():
                topics.create(self.kafka.bootstrap, topic, partitions, {})
            asyncio.run(migrate(PostgresqlConfig(url=SecretStr(self.postgresql.url))))
            for node in self.nodes.values():
                stack.callback(node.close)
            stack.callback(self.supervisor.end, list(self.nodes.values()))
            self.supervisor.begin()
            until("every process serves", self._all_serve)
            with next(iter(self.nodes.values())).client() as client:
                client.admin.create_collection(NOTES)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def having(self, role: str) -> list[Node]:
        """The processes of a role."""
        return [node for node in self.nodes.values() if role in node.roles]

    def serves(self, node: Node) -> bool:
        """Whether a process answers at this moment."""
        if not node.alive():
            return False
        try:
            with node.client() as client:
                client.admin.status(timeout=2)
        except RagstoneError:
            return False
        return True

    def _all_serve(self) -> bool:
        failures = [why for _, _, why in self.supervisor.starts if why]
        assert not failures, failures
        return all(self.serves(node) for node in self.nodes.values())

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database itself, past its proxy."""
        with psycopg.connect(self.postgresql.url, autocommit=True, connect_timeout=10) as connection:
            return connection.execute(statement, parameters or None).fetchall()

    def applied(self) -> dict[tuple[str, int], int]:
        """Offsets of the next event of each partition, as the catalog has them."""
        rows = self.sql("SELECT name, next FROM source WHERE next IS NOT NULL")
        places = {name: name.split("/") for name, _ in rows}
        return {(places[name][2], int(places[name][3])): int(offset) for name, offset in rows}

    def heal(self) -> None:
        """The servers run and their lines pass; Ragstone is not touched."""
        self.postgresql.heal()
        self.kafka.heal()
        self.database_line.mend()
        self.broker_line.mend()
        for node in self.nodes.values():
            node.resume()
