"""What servers on this machine share: where they live, who runs them, which port they get."""

import os
import pwd
import random
import socket
import stat
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
