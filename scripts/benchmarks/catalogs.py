"""What a retrieval costs on the PostgreSQL catalog beside the SQLite one: the same documents, in turns."""

from collections.abc import Sequence
from contextlib import ExitStack

from ragstone import Client, NewDocument
from scripts.benchmarks.process import Measured
from scripts.benchmarks.production import Production
from scripts.benchmarks.retrieval import measure_load

CALLERS = (1, 4)
ROUNDS = 3
QUESTIONS = 200
Rounds = dict[str, list[dict[str, float]]]


def measure_catalogs(production: Production, texts: Sequence[str]) -> dict[str, Rounds]:
    """By number of callers and catalog, round by round."""
    documents = [NewDocument(document=str(i), text=text) for i, text in enumerate(texts)]
    questions = [" ".join(text.split()[3:13]) for text in texts] * (QUESTIONS // len(texts) + 1)
    with ExitStack() as stack:
        servers = {
            "sqlite": stack.enter_context(production.serving("sqlite", None)),
            "postgresql": stack.enter_context(production.serving("postgresql", production.database("queries"))),
        }
        clients = {name: stack.enter_context(_filled(server, documents)) for name, server in servers.items()}
        measured: dict[str, Rounds] = {str(callers): {name: [] for name in servers} for callers in CALLERS}
        for callers in CALLERS:
            for _ in range(ROUNDS):
                for name, server in servers.items():
                    figures = measure_load(server, clients[name].retrieve, questions[:QUESTIONS], callers)
                    measured[str(callers)][name].append(figures)
    return measured


def _filled(server: Measured, documents: Sequence[NewDocument]) -> Client:
    client = Client(server.address)
    for acknowledgement in client.ingest(documents):
        if acknowledgement.error is not None:
            raise acknowledgement.error
    client.retrieve("ready", min_watermark="session", timeout=600)
    return client
