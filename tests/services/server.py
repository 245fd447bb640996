"""One server in processes of its own, which may be killed, frozen and started again."""

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from tests.services.keeper import sweep
from tests.services.local import User

_GONE: Final = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_BECOME: Final = """
import os, sys
_, uid, gid, *command = sys.argv
os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid)); os.execv(command[0], command)
"""
_PATIENCE_SECONDS: Final = 120.0
"""For a start on a busy machine."""


class Server(ABC):
    """The processes of a server. It works in its folder and below, and logs there."""

    def __init__(self, folder: Path, *, user: User | None = None) -> None:
        self.folder = folder
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen: list[psutil.Process] = []
        self._log = folder / "log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def start(self) -> None:
        """Start on the data that is there, if any, on the same port; return when it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Let it end in order; its data stays."""

    def kill(self) -> None:
        """End all its processes as loss of power would; return when they are gone."""
        self.freeze()
        processes, self._frozen = self._frozen, []
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._wait_for_end(processes)

    def freeze(self) -> None:
        """Let no process of it go on: it keeps its connections, and answers nobody."""
        if self._frozen or not self.alive():
            return
        # The parent first, and alone: it would replace what ends, and start more.
        parent, *_ = self._processes()
        _suspend(parent)
        self._frozen = self._processes()
        for process in self._frozen:
            _suspend(process)

    def resume(self) -> None:
        """Let it go on after `freeze`."""
        while self._frozen:
            process = self._frozen.pop()
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def alive(self) -> bool:
        """Whether it runs, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def heal(self) -> None:
        """Make it run, whatever was done to it."""
        self.resume()
        if not self.alive():
            self.start()

    def close(self) -> None:
        """End it for good, and remove its folder."""
        self.kill()
        sweep(self.folder)

    def cpu_seconds(self) -> float:
        """Processor time of its processes, those that have ended included."""
        times = [process.cpu_times() for process in self._processes()]
        # Its first process has reaped the others that ended.
        return sum(each.user + each.system for each in times) + times[0].children_user + times[0].children_system

    def log(self) -> str:
        """What it wrote, all its starts together."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _launch(self, command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> None:
        """Start its first process, and return when it is ready."""
        assert not self.alive(), "it runs already"
        seen = len(self.log())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_as(self._user), *command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the tests
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._ready(self._process.pid, self.log()[seen:]):
            if not self.alive() or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{command[0]} does not start: {self.log()[seen:]}")
            time.sleep(0.01)

    @abstractmethod
    def _ready(self, pid: int, log: str) -> bool:
        """Whether it answers, by what it logged since this start."""

    def _run(self, command: Sequence[str | Path]) -> None:
        """Run a program of it to its end, as its user."""
        command = [*_as(self._user), *command]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _hand_over(self, path: Path) -> None:
        """Make its user the owner of a file or folder."""
        if self._user is not None:
            os.chown(path, self._user.uid, self._user.gid)

    def _end(self, number: signal.Signals) -> None:
        """Ask its first process to end, and wait until all are gone."""
        if not self.alive():
            return
        self.resume()
        processes = self._processes()
        processes[0].send_signal(number)
        self._wait_for_end(processes)

    def _processes(self) -> list[psutil.Process]:
        """All of them, the first one first."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]

    def _wait_for_end(self, processes: Sequence[psutil.Process]) -> None:
        if self._process is not None:
            self._process.wait()
        # Children of a killed parent are another's; until that one reaps them they are there, but hold nothing.
        for process in processes:
            while _state(process) not in _GONE:
                time.sleep(0.005)


def _state(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD


def _suspend(process: psutil.Process) -> None:
    """Return when it has stopped, or ended."""
    try:
        process.suspend()
    except psutil.NoSuchProcess:
        return
    while _state(process) not in (psutil.STATUS_STOPPED, *_GONE):
        time.sleep(0.001)


def _as(user: User | None) -> list[str]:
    """The begin of a command that runs as a user.

    `Popen` would fork for it, and what a copy of a process with clients of gRPC does before it is another one may crash.
    """
    return [] if user is None else [sys.executable, "-I", "-S", "-c", _BECOME, str(user.uid), str(user.gid)]
