"""One process of Ragstone, and a supervisor that starts it again whenever it has ended."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from ragstone import Client
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.served import RAGSTONE
from tests.services.local import LOOPBACK, free_port
from tests.services.server import Server

_LOOK_S: Final = 0.1
_PAUSE_S: Final = 0.5
"""Before a process is started again that did not come up."""


class Node(Server):
    """`ragstone serve` in some roles, with a data directory and a port of its own."""

    def __init__(self, folder: Path, name: str, roles: Sequence[str], configuration: str) -> None:
        super().__init__(folder)
        self.name = name
        self.roles = frozenset(roles)
        self.address = f"{LOOPBACK}:{free_port()}"
        self.data = folder / "data"
        self.armed = False
        """Whether it is to end at a named instant, and has not yet: until it is started again without."""
        self._point = ""
        (folder / "ragstone.toml").write_text(configuration)

    def start(self) -> None:
        point, self._point = self._point, ""
        self.armed = bool(point)
        roles = ", ".join(f'"{role}"' for role in sorted(self.roles))
        environment = {**os.environ, "RAGSTONE__SERVER__ROLES": f"[{roles}]", VARIABLE: point}
        command: list[str | Path] = [RAGSTONE, "serve", "--listen", self.address, "--data-dir", self.data]
        self._launch(command, environment=environment)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9` of the process that serves; what it had started notices by itself."""
        if self._process is None:
            return
        frozen, self._frozen = self._frozen, []
        self._process.kill()
        self._process.wait()
        for child in frozen[1:]:
            with suppress(psutil.NoSuchProcess):
                child.resume()

    def arm(self, point: FailPoint, passing: int) -> None:
        """Let its next start, and only that one, end at a named instant."""
        self._point = f"{point}=kill@{passing}"
        self.armed = True

    def client(self) -> Client:
        """A client of it."""
        return Client(self.address)

    def orphans(self) -> list[str]:
        """What works in its folder and is none of its own processes."""
        own = {process.pid for process in self._processes()} if self.alive() else set()
        found = []
        for process in psutil.process_iter(["cwd", "cmdline", "status"]):
            inside = process.info["cwd"] and Path(process.info["cwd"]).is_relative_to(self.folder)
            if inside and process.pid not in own and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid}: {' '.join(process.info['cmdline'] or [])}")
        return found

    def _ready(self, pid: int, log: str) -> bool:
        return "listening on" in log


class Supervisor:
    """Starts nodes again, as systemd or Kubernetes would, and does nothing else for them."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.starts: list[tuple[float, str, str]] = []
        """Instant, name of the node, and why the start failed, if it did."""
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(node,), name=node.name) for node in nodes]

    def begin(self) -> None:
        """Start all of them, side by side."""
        for thread in self._threads:
            thread.start()

    def end(self, nodes: Sequence[Node]) -> None:
        """Let go of them, and end them."""
        self._ended.set()
        for thread, node in zip(self._threads, nodes, strict=True):
            while thread.is_alive():
                node.kill()
                thread.join(0.1)
            node.kill()

    def _watch(self, node: Node) -> None:
        while not self._ended.is_set():
            if node.alive():
                self._ended.wait(_LOOK_S)
                continue
            why = ""
            try:
                node.start()
            except (RuntimeError, psutil.NoSuchProcess) as error:
                why = str(error).strip().splitlines()[-1]
            self.starts.append((time.monotonic(), node.name, why))
            if why:
                self._ended.wait(_PAUSE_S)
