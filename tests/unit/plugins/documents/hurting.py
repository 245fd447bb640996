"""What a worker is made to do in place of reading."""

import ctypes
import os
import resource
import signal
import time
from pathlib import Path

from ragstone_plugins.documents.outcome import Failure, Refusal
from ragstone_server.spi.parser import ParseRequest


def sleep(_request: ParseRequest) -> None:
    time.sleep(3600)


def spin(_request: ParseRequest) -> None:
    """Within C, where no signal handler of Python runs."""
    pow(7, 10**9, 10**1_000_000 + 1)


def hoard(_request: ParseRequest) -> None:
    hoards = []
    while True:
        hoards.append(bytes(10_000_000))


def die(_request: ParseRequest) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def segfault(_request: ParseRequest) -> None:
    ctypes.string_at(0)


def exit_quietly(_request: ParseRequest) -> None:
    os._exit(0)


def throw(_request: ParseRequest) -> None:
    raise ValueError("unexpected")


def tell_process(_request: ParseRequest) -> Refusal:
    return Refusal(failure=Failure.BROKEN, detail=str(os.getpid()))


def look_around(_request: ParseRequest) -> Refusal:
    """Environment, output, and whether files can be written."""
    environment = sorted(set(os.environ) - {"OPENBLAS_NUM_THREADS"})
    output = os.readlink("/proc/self/fd/1")
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    path = Path(f"/dev/shm/ragstone-{os.getpid()}")
    try:
        path.write_bytes(b"x" * 100)
        files = "written"
    except OSError:
        files = "not written"
    finally:
        path.unlink(missing_ok=True)
    return Refusal(failure=Failure.BROKEN, detail=f"environment {environment}, output {output}, files {files}")
