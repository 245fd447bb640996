"""What calls take, and what they cost the server."""

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from ragstone_server.bench.process import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Of so many callers at once, each of whom waits for its answer."""

    callers: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    requests_per_s: float
    server_cpu_ms: float
    """Of processor time a request, of the server's process."""


def measure(server: Measured, method: str, requests: Sequence[bytes], callers: int) -> Load:
    """Send each request once. Raises `subprocess.CalledProcessError` where one fails."""
    lines = b"".join(base64.b64encode(request) + b"\n" for request in requests)
    command = (sys.executable, "-m", "ragstone_server.bench.caller", server.address, method, str(callers))
    before = server.cpu_s()
    answer = json.loads(subprocess.run(command, input=lines, stdout=subprocess.PIPE, check=True).stdout)
    cpu = server.cpu_s() - before
    taken: list[float] = answer["taken"]
    cuts = quantiles(taken, n=100)
    return Load(
        callers=callers,
        p50_ms=median(taken) * 1e3,
        p95_ms=cuts[94] * 1e3,
        p99_ms=cuts[98] * 1e3,
        requests_per_s=len(taken) / answer["seconds"],
        # Those of the warm-up cost as much.
        server_cpu_ms=cpu * 1e3 / (len(taken) + answer["warm_up"]),
    )
