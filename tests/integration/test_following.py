"""A person at the terminal follows an operation: progress, a server that dies and comes back, Ctrl-C."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.integration.test_purging import fill, left
from tests.operating import serving
from tests.served import RAGSTONE, Served
from tests.services.proxy import Proxy


class Terminal:
    """A command whose standard error is a terminal."""

    def __init__(self, *words: str) -> None:
        self._ours, theirs = os.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
        self._process = subprocess.Popen(
            [RAGSTONE, *words], stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment
        )
        os.close(theirs)
        self.seen = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._ours, 4096):
                self.seen += data.decode("utf-8", "replace")
        except OSError:  # the other end is closed
            pass

    def until(self, text: str) -> None:
        """Wait until it stands there."""
        until = time.monotonic() + 60
        while text not in self.seen:
            assert time.monotonic() < until, self.seen
            time.sleep(0.05)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Exit status and standard output."""
        out, _ = self._process.communicate(timeout=90)
        self._reader.join()
        os.close(self._ours)
        return self._process.returncode, out


def test_a_purge_is_followed_over_the_death_of_its_server(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as server, Proxy() as proxy:
        with server.client() as client:
            fill(client, 300)
        server.terminate()
        server.start(**{VARIABLE: f"{FailPoint.CATALOG_AFTER_COMMIT}=kill@2"})
        proxy.target = server.address
        terminal = Terminal("admin", "purge", "*", "--force", "--yes", "--server", proxy.address)
        server.wait()
        terminal.until("waiting for the server")
        server.start()
        proxy.target = server.address
        assert terminal.end() == (0, "300 deleted\n"), terminal.seen
        assert "waiting\r" in terminal.seen or "running\r" in terminal.seen or "examined\r" in terminal.seen
        with server.client() as client:
            assert left(client) == []


def test_ctrl_c_leaves_the_operation_running() -> None:
    with serving() as served:
        number = served.begin('{"most": 100000}')
        terminal = Terminal("admin", "operations", "wait", str(number), "--server", served.address)
        time.sleep(2)
        terminal.interrupt()
        assert terminal.end() == (130, "")
        assert f"operations/{number} goes on" in terminal.seen
        assert f"cancel {number}" in terminal.seen
        assert not served.run(served.store.operation(number)).done
