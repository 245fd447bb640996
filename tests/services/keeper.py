"""Nothing is left over: a process of its own ends the servers and removes their folders when the tests are gone.

It waits for the end of its standard input, which comes however the tests end, `kill -9` included. A request of the kernel to end
with one's parent would be lost where a server changes its user, and would not remove a folder.
"""

import ctypes
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from tests.services.local import BUILD, ROOT, open_to_all

_IPC_RMID: Final = 0
CONTAINERS: Final = "containers"
"""A file in a server's folder: lines of an engine and the name of a container."""


class Keeper:
    """Makes folders for servers. All of them end with it."""

    def __init__(self) -> None:
        services = BUILD / "services"
        services.mkdir(parents=True, exist_ok=True)
        # Where the checkout is its owner's alone, a server of another user could not reach its folder.
        self.folder = Path(
            tempfile.mkdtemp(prefix="ragstone-", dir=services if open_to_all(services) else None)
        ).resolve()
        self.folder.chmod(0o711)
        self._made = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.keeper", self.folder],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for the tests
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def place(self, name: str) -> Path:
        """A new, empty folder for one server, which works in it."""
        self._made += 1
        folder = self.folder / f"{name}-{self._made}"
        folder.mkdir(mode=0o711)
        return folder

    def close(self) -> None:
        """End what runs in the folders, and remove them."""
        self._process.communicate()


def sweep(folder: Path) -> None:
    """End every process that works in a folder or below, free what it shared, and remove the folder."""
    while found := _working_in(folder):
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.01)
    for listing in folder.rglob(CONTAINERS):
        for line in listing.read_text().splitlines():
            engine, name = line.rsplit(maxsplit=1)
            subprocess.run([engine, "rm", "--force", "--volumes", name], stdout=subprocess.DEVNULL, check=False)
    for pid_file in folder.rglob("postmaster.pid"):
        _free_shared_memory(pid_file)
    shutil.rmtree(folder)


def _working_in(folder: Path) -> list[psutil.Process]:
    """Servers have no terminal: someone who looks around in the folder meanwhile is not meant."""
    return [
        process
        for process in psutil.process_iter(["cwd", "terminal", "status"])
        if process.info["cwd"]
        and Path(process.info["cwd"]).is_relative_to(folder)
        and process.info["terminal"] is None
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def _free_shared_memory(pid_file: Path) -> None:
    """A killed PostgreSQL leaves its segment to the next one on the same data, and there is none."""
    lines = pid_file.read_text().splitlines()
    if len(lines) > 6:
        _, segment = lines[6].split()
        ctypes.CDLL(None).shmctl(int(segment), _IPC_RMID, None)


if __name__ == "__main__":
    sys.stdin.read()
    sweep(Path(sys.argv[1]))
