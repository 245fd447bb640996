"""Servers in containers of official images, where an engine answers."""

import shutil
import subprocess
import time
import uuid
from functools import cache
from typing import Final

import psycopg

from tests.services.keeper import CONTAINERS, Keeper
from tests.services.local import LOOPBACK, Unavailable, free_port

_POSTGRESQL: Final = "pgvector/pgvector:pg18"
_ANSWER_SECONDS: Final = 2.0
_START_SECONDS: Final = 120.0


def postgresql(keeper: Keeper) -> str:
    """The URL of PostgreSQL with pgvector."""
    port = free_port()
    _run(keeper, _POSTGRESQL, {port: 5432}, {"POSTGRES_USER": "ragstone", "POSTGRES_PASSWORD": "ragstone-secret"})
    url = f"postgresql://ragstone:ragstone-secret@{LOOPBACK}:{port}/postgres"
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"the container of {_POSTGRESQL} does not answer ({error})") from error
            time.sleep(0.1)
        else:
            return url


@cache
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


def _run(keeper: Keeper, image: str, ports: dict[int, int], environment: dict[str, str]) -> None:
    """Start a container, which the keeper removes."""
    program = engine()
    if program is None:
        raise Unavailable("no container engine answers")
    name = f"ragstone-test-{uuid.uuid4().hex}"
    # Before it is there: whatever happens next, it is removed.
    (keeper.place("container") / CONTAINERS).write_text(f"{program} {name}\n")
    published = [f"--publish={LOOPBACK}:{outer}:{inner}" for outer, inner in ports.items()]
    variables = [f"--env={key}={value}" for key, value in environment.items()]
    done = subprocess.run(
        [program, "run", "--detach", "--name", name, *published, *variables, image],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(f"{program} cannot start {image} ({done.stderr.strip()})")
