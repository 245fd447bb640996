"""A real server in a process of its own, for tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from ragstone import Client

RAGSTONE = Path(sys.executable).with_name("ragstone")


class Served:
    """`ragstone serve` over a data directory; may be killed and started again."""

    def __init__(self, data_dir: Path, *, folder: Path | None = None, **settings: str) -> None:
        """It starts in `folder`, where a `ragstone.toml` may lie; `settings` are variables of its environment."""
        self.data_dir = data_dir
        self._folder = folder
        self.settings = settings
        self.address = ""
        self._first: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None
        self._log = data_dir.parent / f"{data_dir.name}.log"

    def armed(self, environment: dict[str, str]) -> Self:
        """The same server, started the first time with further variables in its environment."""
        self._first = environment
        return self

    def __enter__(self) -> Self:
        self.start(**self._first)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()
        if kind is None:
            assert "Traceback" not in self.log(), self.log()

    def start(self, **environment: str) -> None:
        """Start, and return when it answers."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [RAGSTONE, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data_dir],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self._folder,
                env={**os.environ, **self.settings, **environment},
            )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        assert first.startswith("listening on "), self.log()
        self.address = first.split()[-1]

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def client(self) -> Client:
        """A client of it."""
        return Client(self.address)

    def kill(self) -> None:
        """End it as loss of power would."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """Ask it to end; its exit status."""
        return self._end(signal.SIGTERM)

    def interrupt(self) -> int:
        """As Ctrl-C does; its exit status."""
        return self._end(signal.SIGINT)

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def wait(self, seconds: float = 60) -> int:
        """Wait until it ends by itself; its exit status."""
        assert self._process is not None
        status = self._process.wait(seconds)
        self._close()
        return status

    def memory(self) -> int:
        """Bytes that it has resident."""
        return self._status("VmRSS")

    def peak_memory(self) -> int:
        """The most bytes that it had resident."""
        return self._status("VmHWM")

    def log(self) -> str:
        """What it wrote to standard error."""
        return self._log.read_text() if self._log.exists() else ""

    def _status(self, field: str) -> int:
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        (kilobytes,) = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
        return int(kilobytes) * 1024

    def _end(self, number: int) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self.wait()

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
