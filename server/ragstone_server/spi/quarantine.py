"""Where damaged files of a view go: aside, so that an operator can look at them, and never into an answer again."""

import errno
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ragstone_server.spi.failpoints import FailPoint, reach

logger = logging.getLogger(__name__)

FOLDER = "quarantine"
MOST = 3
"""Findings that are kept of a view; the oldest go."""

_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What is wrong with a file of a view."""

    file: str
    """Its name in the view's directory."""
    expected: str
    found: str

    def __str__(self) -> str:
        """For logs and operators."""
        return f"{self.file}: expected {self.expected}, found {self.found}"


class Damaged(Exception):
    """A file of a view cannot be believed."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(str(damage))
        self.damage = damage


def damage_of(error: Exception, file: str, expected: str) -> Damage:
    """What an error in reading a file tells of the file. Raises the error where it tells of the process or the machine."""
    if isinstance(error, Damaged):
        return error.damage
    if not isinstance(error, OSError):
        return Damage(file=file, expected=expected, found=f"another content ({error})")
    if error.errno in _PASSING:
        raise error
    return Damage(file=file, expected=expected, found=error.strerror or str(error))


def put_aside(directory: Path, files: Iterable[Path], damage: Damage) -> None:
    """Move files of the view in `directory` to a folder of this finding, with a report. Never raises `OSError`.

    Those that are missing are left out; those that cannot be moved are removed. What depends on the files no longer names them.
    """
    present = [path for path in files if path.exists()]
    if not present:
        return
    folder = directory / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        known = sorted(folder.iterdir())
        number = int(known[-1].name) + 1 if known and known[-1].name.isdigit() else len(known) + 1
        finding = folder / f"{number:08}"
        finding.mkdir()
        for path in present:
            path.rename(finding / path.name)
        (finding / "report.txt").write_text(f"{damage}\n")
        for old in sorted(folder.iterdir())[:-MOST]:
            shutil.rmtree(old, ignore_errors=True)
        logger.warning("damaged files of the view in %s were moved to %s", directory, finding)
    except OSError as error:
        logger.warning("damaged files of the view in %s could not be put aside, they are removed: %s", directory, error)
        for path in present:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    reach(FailPoint.VIEW_AFTER_QUARANTINE)
