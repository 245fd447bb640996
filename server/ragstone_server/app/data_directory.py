"""One server a data directory, which has a name."""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragstone_server.spi.durable_files import replace_file
from ragstone_server.spi.errors import StartError


class DataDirectoryInUse(StartError):
    """Another server uses the data directory."""


@contextmanager
def locked(directory: Path) -> Iterator[Path]:
    """Hold the directory, made if it is missing. The lock ends with the process, however it ends."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(f"server.data_dir: {directory} cannot be used ({error.strerror})") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise DataDirectoryInUse(
                f"another server (process {holder}) uses the data directory {directory}; "
                "stop it, or choose another with --data-dir"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield directory
    finally:
        os.close(descriptor)


def instance_of(directory: Path) -> str:
    """The name of what is kept there, made once: it tells the views of several servers apart. Raises `StartError`."""
    path = directory / "instance"
    try:
        if path.exists() and (known := path.read_text("ascii").strip()):
            return known
        name = uuid.uuid4().hex[:12]
        replace_file(path, f"{name}\n".encode())
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"server.data_dir: {path} cannot be read or written ({error})") from error
    return name
