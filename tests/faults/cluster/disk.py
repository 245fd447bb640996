"""A file system that can be made full and roomy again, without filling it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

_ROOMY: Final = "600m"


class Disk:
    """A file system in memory, at a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """From now on it is full."""
        while True:  # it is written to meanwhile, and cannot become smaller than what it holds
            found = os.statvfs(self.folder)
            if self._resize(str((found.f_blocks - found.f_bfree) * found.f_frsize)):
                return

    def empty(self) -> None:
        """There is room again."""
        assert self._resize(_ROOMY)

    def _resize(self, size: str) -> bool:
        command = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """A disk at an existing, empty folder."""
    if os.geteuid() != 0:
        reason = "mounting a small file system needs root"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOMY},mode=1777", "tmpfs", folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
