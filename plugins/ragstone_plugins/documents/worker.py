"""What runs in a worker process: first its limits, then one document after the other."""

import ctypes
import importlib
import math
import multiprocessing
import os
import resource
import signal
import sys
from dataclasses import dataclass

from ragstone_plugins.documents.outcome import Failure, Outcome, Refusal, Refused
from ragstone_server.spi.parser import ParseRequest

READERS = "ragstone_plugins.documents.readers"

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_OPEN_FILES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a worker may use."""

    time_seconds: float
    """Of the processor, for one document."""
    memory_bytes: int
    """Address space, libraries included."""
    max_expanded_bytes: int
    """Of a document, expanded, and of its text."""


_limits: Limits | None = None


def start(limits: Limits) -> None:
    """Give up what a worker must not have, load the libraries, and set the limits for good."""
    global _limits
    _die_with_parent()
    # The default handler kills at once, even within a library that never returns to Python.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _silence()
    os.environ.clear()
    load_readers()
    if sys.platform == "linux":
        # Elsewhere the kernel knows no such limit, or refuses to set it; time and expanded size are limited there.
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    _limits = limits


def ready() -> int:
    """Say that the worker has started; its process id."""
    return os.getpid()


def read(request: ParseRequest) -> Outcome:
    """Read one document; whatever goes wrong is a `Refusal`, not an exception that would have to be sent back."""
    if _limits is None:
        raise RuntimeError("the worker was not started")
    _limit_processor_time(_limits.time_seconds)
    try:
        from ragstone_plugins.documents.readers import read_document

        return read_document(request, _limits.max_expanded_bytes)
    except Refused as refused:
        return refused.refusal
    except MemoryError:
        return Refusal(failure=Failure.CRASHED, detail="out of memory")
    except RecursionError:
        return Refusal(failure=Failure.BROKEN, detail="nested too deeply")
    except Exception as error:  # noqa: BLE001 - libraries raise anything over a damaged file
        return Refused(Failure.BROKEN, f"{type(error).__name__}: {error}").refusal


def load_readers() -> None:
    """Import the libraries. One of them would start threads of OpenBLAS, which a worker has no use for."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    importlib.import_module(READERS)


def _die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends, however it ends."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        # It ended before the kernel was told.
        os._exit(1)


def _silence() -> None:
    """Libraries print; nothing of that belongs into the output of the server."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.close(null)


def _limit_processor_time(seconds: float) -> None:
    """Allow this document so much more time, rounded up; the limit counts from the start of the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
