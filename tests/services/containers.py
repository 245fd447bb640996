"""Servers in containers of official images, where an engine answers.

Written on machines without an engine: only its refusals have been seen.
"""

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Final

import psycopg
from aiokafka.errors import KafkaError

from tests.services import topics
from tests.services.keeper import CONTAINERS, Keeper
from tests.services.local import LOOPBACK, Unavailable, free_port

_POSTGRESQL: Final = "pgvector/pgvector:pg18"
_KAFKA: Final = "apache/kafka:4.3.1"
_ANSWER_SECONDS: Final = 2.0
_START_SECONDS: Final = 120.0


def postgresql(keeper: Keeper) -> str:
    """The URL of PostgreSQL with pgvector."""
    port = free_port()
    login = {"POSTGRES_USER": "ragstone", "POSTGRES_PASSWORD": "ragstone-secret"}
    _run(keeper, _POSTGRESQL, port, 5432, login)
    url = f"postgresql://ragstone:ragstone-secret@{LOOPBACK}:{port}/postgres"
    _wait(_POSTGRESQL, lambda: psycopg.connect(url, connect_timeout=2).close())
    return url


def kafka(keeper: Keeper) -> str:
    """The address of a broker that is its own controller."""
    port = free_port()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,INTERNAL://:9091,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{port},INTERNAL://localhost:9091",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    _run(keeper, _KAFKA, port, 9092, settings)
    address = f"{LOOPBACK}:{port}"
    _wait(_KAFKA, lambda: topics.answers(address))
    return address


def engine() -> str | None:
    """The first program that reaches an engine."""
    for name in ("docker", "podman"):
        if program := shutil.which(name):
            try:
                done = subprocess.run([program, "info"], capture_output=True, check=False, timeout=_ANSWER_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            if done.returncode == 0:
                return program
    return None


def _run(keeper: Keeper, image: str, port: int, inner: int, environment: dict[str, str]) -> None:
    """Start a container, which the keeper removes."""
    program = engine()
    if program is None:
        raise Unavailable("no container engine answers")
    name = f"ragstone-test-{uuid.uuid4().hex}"
    # Before it is there: whatever happens next, it is removed.
    (keeper.place("container") / CONTAINERS).write_text(f"{program} {name}\n")
    variables = [f"--env={key}={value}" for key, value in environment.items()]
    command = [program, "run", "--detach", "--name", name, f"--publish={LOOPBACK}:{port}:{inner}", *variables, image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{program} cannot start {image} ({done.stderr.strip()})")


def _wait(image: str, attempt: Callable[[], object]) -> None:
    """Until a client succeeds."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            attempt()
        except (psycopg.OperationalError, KafkaError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"the container of {image} does not answer ({error})") from error
            time.sleep(0.1)
        else:
            return
