"""Retrieval beside a bare echo: latency, requests a second, processor time a request."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles

import grpc

from ragstone import Client
from ragstone_server.bench import echo as echo_server
from ragstone_server.bench.process import Measured, module, running

ECHO = module(echo_server)
ECHO_BYTES = 16 * 1024
"""About the size of ten passages."""
CALLERS = (1, 4, 16)
Figures = dict[str, float]


def measure_retrieval(server: Measured, collection: str, questions: Sequence[str]) -> dict[str, dict[str, Figures]]:
    """By number of callers at once: Ragstone and the echo, in the same run."""
    with Client(server.address) as client, running(*ECHO) as echo, grpc.insecure_channel(echo.address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(echo_server.METHOD)
        payload = b"x" * ECHO_BYTES

        def retrieve(question: str) -> None:
            client.retrieve(question, collection=collection)

        def bare(_: str) -> None:
            call(payload)

        measure_load(server, retrieve, questions[:50], 4)
        return {
            str(callers): {
                "ragstone": measure_load(server, retrieve, questions, callers),
                "echo": measure_load(echo, bare, questions, callers),
            }
            for callers in CALLERS
        }


def measure_load(server: Measured, call: Callable[[str], object], questions: Sequence[str], callers: int) -> Figures:
    """What each call took, and what it cost the server."""

    def timed(question: str) -> float:
        began = time.perf_counter()
        call(question)
        return time.perf_counter() - began

    cpu, began = server.cpu_s(), time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        taken = list(pool.map(timed, questions))
    seconds = time.perf_counter() - began
    cuts = quantiles(taken, n=100)
    return {
        "p50_ms": median(taken) * 1e3,
        "p95_ms": cuts[94] * 1e3,
        "p99_ms": cuts[98] * 1e3,
        "requests_per_s": len(questions) / seconds,
        "server_cpu_ms_per_request": (server.cpu_s() - cpu) / len(questions) * 1e3,
    }
