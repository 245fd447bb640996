"""What a worker is made to do in place of reading."""

import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ragstone_plugins.documents import readers, worker
from ragstone_plugins.documents.outcome import Failure, Outcome, Refusal
from ragstone_server.spi.parser import ParseRequest


def sleep(request: ParseRequest) -> Outcome:
    return _instead_of_reading(lambda: time.sleep(3600), request)


def spin(request: ParseRequest) -> Outcome:
    """Within C, where no signal handler of Python runs."""
    return _instead_of_reading(lambda: pow(7, 10**9, 10**1_000_000 + 1), request)


def hoard(request: ParseRequest) -> Outcome:
    def harm() -> None:
        hoards = []
        while True:
            hoards.append(bytes(10_000_000))

    return _instead_of_reading(harm, request)


def die(request: ParseRequest) -> Outcome:
    return _instead_of_reading(lambda: os.kill(os.getpid(), signal.SIGKILL), request)


def segfault(request: ParseRequest) -> Outcome:
    return _instead_of_reading(lambda: ctypes.string_at(0), request)


def exit_quietly(request: ParseRequest) -> Outcome:
    return _instead_of_reading(lambda: os._exit(0), request)


def throw(request: ParseRequest) -> Outcome:
    def harm() -> None:
        raise ValueError("unexpected")

    return _instead_of_reading(harm, request)


def tell_process(_request: ParseRequest) -> Refusal:
    return Refusal(failure=Failure.BROKEN, detail=str(os.getpid()))


def look_around(_request: ParseRequest) -> Refusal:
    """Environment, output, and whether files can be written."""
    environment = sorted(set(os.environ) - {"OPENBLAS_NUM_THREADS"})
    output = Path("/proc/self/fd/1").readlink()
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


def refuse_to_start(_limits: worker.Limits) -> NoReturn:
    raise RuntimeError


def _instead_of_reading(harm: Callable[[], object], request: ParseRequest) -> Outcome:
    """Let the worker read as it does, with a reader that does harm."""
    original = readers.read_document

    def read_document(request: ParseRequest, max_expanded_bytes: int) -> NoReturn:
        harm()
        raise AssertionError(request, max_expanded_bytes)

    readers.read_document = read_document
    try:
        return worker.read(request)
    finally:
        readers.read_document = original
