"""A server in a process of its own that is watched: nothing of it stays behind, and its log is clean."""

import os
import re
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from ragstone_server.app.settings import default_models_dir
from tests.served import Served

_MODELS = "RAGSTONE_MODELS_DIR"
_BAD = re.compile(r"Traceback|^\S+ \S+ (?:ERROR|CRITICAL) ", re.MULTILINE)


def models_dir() -> Path:
    """Where the models lie: as the environment says, as `make setup` left them, or in the repository's own folder."""
    named = os.environ.get(_MODELS)
    if named:
        return Path(named)
    usual = default_models_dir()
    return usual if usual.is_dir() else Path(__file__).parents[2] / ".models"


class RunningServer(Served):
    """`Served`, over a data directory of its own unless one is given.

    At the end its processes are gone, and so is what it wrote; its log has no error beside those that match `expected`.
    """

    def __init__(self, data_dir: Path | None = None, *, expected: str | None = None, **settings: str) -> None:
        self._folder = None if data_dir is not None else tempfile.TemporaryDirectory(prefix="ragstone-test-")
        directory = data_dir or Path(self._folder.name if self._folder else "") / "data"
        super().__init__(directory, RAGSTONE__SERVER__MODELS_DIR=str(models_dir()), **settings)
        self._expected = re.compile(expected) if expected else None

    def start(self, **environment: str) -> None:
        """Start, and return when it answers; where it does not, nothing of it stays."""
        try:
            super().start(**environment)
        except BaseException:
            if self.alive():
                self.kill()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        children = self._children()
        try:
            if self._process is not None:
                self.kill()
            _, left = psutil.wait_procs(children, timeout=20)
            for process in left:
                process.kill()
            if kind is not None:
                print(self.log())  # pytest shows it with the failure
            else:
                assert not left, f"processes outlived the server: {left}"
                self.check_log()
        finally:
            if self._folder is not None:
                self._folder.cleanup()

    def terminate(self) -> int:
        """Ask it to end; it drains and exits with 0."""
        status = super().terminate()
        assert status == 0, self.log()
        return status

    def restart(self, **environment: str) -> None:
        """End it in good order if it still runs, and start it again over the same data."""
        if self.alive():
            self.terminate()
        self.start(**environment)

    def check_log(self, begin: int = 0) -> int:
        """Fail on an error in the log from a place on; the place where it ends now."""
        log = self.log()
        for line in log[begin:].splitlines():
            if _BAD.search(line) and not (self._expected and self._expected.search(line)):
                raise AssertionError(f"the log has {line!r}:\n{log[begin:]}")
        return len(log)

    def _children(self) -> list[psutil.Process]:
        if self._process is None or not self.alive():
            return []
        try:
            return list(psutil.Process(self._process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []
