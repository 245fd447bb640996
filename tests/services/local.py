"""What servers on this machine share: where they live, who runs them, which port they get."""

import fcntl
import os
import pwd
import random
import socket
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
ROOT: Final = Path(__file__).resolve().parent.parent.parent
BUILD: Final = ROOT / ".build"
"""Ignored by git, kept between runs, removed by `make clean`."""

# Below the ports that systems hand out by themselves: a port stays free while its server is down, and nobody who connects
# to it meanwhile is connected to itself.
_PORTS = range(20_000, 32_000)
_random = random.SystemRandom()
_given: set[int] = set()


class Unavailable(Exception):
    """A server cannot run here. The message names what is missing and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom a process runs as."""

    uid: int
    gid: int


def unprivileged() -> User | None:
    """Who runs servers that refuse to run as root: `nobody`. None where somebody else than root runs the tests."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return User(uid=nobody.pw_uid, gid=nobody.pw_gid)


def open_to_all(folder: Path) -> bool:
    """Whether every user may pass through a folder and those above it."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """A file or folder that is made if it is not there: whole or not at all, by one process while others wait."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with tempfile.TemporaryDirectory(prefix=f"{path.name}-", dir=path.parent) as draft:
                made = Path(draft) / path.name
                make(made)
                made.rename(path)
    return path


def free_port() -> int:
    """A port of the loopback on which nobody listens; given once a process."""
    while True:
        port = _random.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
