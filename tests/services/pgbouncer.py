"""PgBouncer, the real pooler, before a PostgreSQL: what is bound to a session does not hold from one transaction to the next."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.services.local import BUILD, LOOPBACK, Unavailable, free_port, once, unprivileged
from tests.services.server import Server

_SYSTEM: Final = "/usr/sbin:/usr/local/sbin"
"""Debian installs it there, which is not on everybody's path."""
_LIBRARIES: Final = re.compile(r"\b(?:libevent|libc-ares)[\w.-]*")
_SETTINGS: Final = {
    "listen_addr": LOOPBACK,
    "unix_socket_dir": "",
    "pool_mode": "transaction",
    "auth_type": "scram-sha-256",
    "default_pool_size": "10",
    "max_client_conn": "200",
    "server_login_retry": "1",
    "ignore_startup_parameters": "extra_float_digits",
}


class PgBouncer(Server):
    """Pools transactions to the server of a URL, for the role of that URL, to every database."""

    def __init__(self, folder: Path, server_url: str) -> None:
        super().__init__(folder, user=unprivileged())
        self._server = urlsplit(server_url)
        self._port = free_port()
        self._settings = folder / "pgbouncer.ini"
        self._program, self._environment = _program(folder)
        self._hand_over(folder)

    @property
    def url(self) -> str:
        """The URL of the server, with the pooler in its place."""
        login, _, _ = self._server.netloc.rpartition("@")
        return self._server._replace(netloc=f"{login}@{LOOPBACK}:{self._port}").geturl()

    def start(self) -> None:
        users = self.folder / "users.txt"
        users.write_text(f'"{unquote(self._server.username or "")}" "{unquote(self._server.password or "")}"\n')
        settings = {**_SETTINGS, "listen_port": self._port, "auth_file": users}
        lines = [f"{name} = {value}" for name, value in settings.items()]
        target = f"* = host={self._server.hostname} port={self._server.port}"
        self._settings.write_text("\n".join(["[databases]", target, "[pgbouncer]", *lines, ""]))
        for file in (users, self._settings):
            self._hand_over(file)
        self._launch([self._program, self._settings], environment=self._environment)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _ready(self, pid: int, log: str) -> bool:
        return "process up" in log


def _program(folder: Path) -> tuple[str, dict[str, str]]:
    """The program and its environment."""
    if found := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:{_SYSTEM}"):
        return found, dict(os.environ)
    # In the folder of this server its user can reach it, wherever the checkout is.
    copy = folder / "package"
    shutil.copytree(once(BUILD / "pgbouncer", _unpack), copy, symlinks=True)
    libraries = {str(library.parent) for library in copy.rglob("*.so*")}
    return str(copy / "usr" / "sbin" / "pgbouncer"), {**os.environ, "LD_LIBRARY_PATH": ":".join(sorted(libraries))}


def _unpack(folder: Path) -> None:
    """The package of Debian and the libraries that systems often lack; unpacking needs no rights."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Unavailable("PgBouncer is missing: install it, so that `pgbouncer` is on the path")
    folder.mkdir()
    _download(folder, "pgbouncer")
    (package,) = folder.glob("*.deb")
    needs = subprocess.run(["dpkg", "--field", package, "Depends"], capture_output=True, text=True, check=True).stdout
    _download(folder, *_LIBRARIES.findall(needs))
    for file in folder.glob("*.deb"):
        subprocess.run(["dpkg", "--extract", file, folder], check=True)
        file.unlink()


def _download(folder: Path, *packages: str) -> None:
    done = subprocess.run(
        ["apt-get", "download", "--quiet", *packages], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:]
        raise Unavailable(
            f"PgBouncer is missing, and apt-get cannot download {' '.join(packages)} ({''.join(said)}):"
            " install it, or try after `apt-get update`"
        )
