"""A server process and what it costs."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

BINARY: Final = str(Path(sys.executable).with_name("ragstone"))
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """A running server."""

    address: str
    pid: int
    start_s: float
    """From the start of the process until it answers."""

    def cpu_s(self) -> float:
        """Processor time of the process so far; its parser workers are not counted."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def waited_s(self) -> float:
        """Time in which its event loop wanted a core and had none, so far: what else the machine does shows here."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9

    def resident_mb(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def running(*command: str, **environment: str) -> Iterator[Measured]:
    """Start a server that says `listening on HOST:PORT`, with further variables in its environment, and end it."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        if not first.startswith("listening on "):
            sys.exit(f"{command[0]} did not start")
        yield Measured(first.split()[-1], process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def module(server: ModuleType) -> tuple[str, ...]:
    """The command of a server that is a module."""
    return sys.executable, "-m", server.__name__


def ragstone(data_dir: Path) -> tuple[str, ...]:
    """The command of a server on a free port."""
    return BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data_dir)
