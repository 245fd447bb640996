"""What a retrieval costs on the PostgreSQL catalog beside the SQLite one: the same documents, in turns."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final

from ragstone import Client, NewDocument
from ragstone_server.bench.calls import METHOD, request
from ragstone_server.bench.kafka.services import Services
from ragstone_server.bench.load import Load, measure
from ragstone_server.bench.process import Measured

CALLERS: Final = (1, 4)
ROUNDS: Final = 3
QUESTIONS: Final = 200
COLLECTION: Final = "tenants/default/collections/default"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCatalog:
    """Of one catalog by so many callers; medians of the rounds."""

    catalog: str
    callers: int
    p50_ms: float
    requests_per_s: float
    server_cpu_ms: float
    """Of processor time a request."""


def measure_catalogs(services: Services, texts: Sequence[str]) -> list[OnCatalog]:
    """By number of callers and catalog."""
    documents = [NewDocument(document=str(i), text=text) for i, text in enumerate(texts)]
    questions = [" ".join(text.split()[3:13]) for text in texts] * (QUESTIONS // len(texts) + 1)
    calls = [request(COLLECTION, question) for question in questions[:QUESTIONS]]
    with ExitStack() as stack:
        servers = {
            "sqlite": stack.enter_context(services.serving("sqlite", None)),
            "postgresql": stack.enter_context(services.serving("postgresql", services.database("queries"))),
        }
        for server in servers.values():
            _fill(server, documents)
        measured = []
        for callers in CALLERS:
            rounds: dict[str, list[Load]] = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, server in servers.items():
                    rounds[name].append(measure(server, METHOD, calls, callers))
            measured += [_median(name, callers, loads) for name, loads in rounds.items()]
        return measured


def _median(catalog: str, callers: int, loads: Sequence[Load]) -> OnCatalog:
    return OnCatalog(
        catalog=catalog,
        callers=callers,
        p50_ms=median(load.p50_ms for load in loads),
        requests_per_s=median(load.requests_per_s for load in loads),
        server_cpu_ms=median(load.server_cpu_ms for load in loads),
    )


def _fill(server: Measured, documents: Sequence[NewDocument]) -> None:
    with Client(server.address) as client:
        for acknowledgement in client.ingest(documents):
            if acknowledgement.error is not None:
                raise acknowledgement.error
        client.retrieve("ready", min_watermark="session", timeout=600)
