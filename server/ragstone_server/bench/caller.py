"""Callers of one method, in a process of their own: each sends its next request when it has the answer to the last.

`python -m ragstone_server.bench.caller ADDRESS METHOD CALLERS < REQUESTS`. Requests are base64 of whole messages, a
line each. Prints JSON: the seconds that each took, and how long all of them took.
"""

import asyncio
import base64
import json
import sys
import time

import uvloop
from grpc import aio

WARM_UP = 50
"""Requests before those that count."""


async def call_all(address: str, method: str, callers: int, requests: list[bytes]) -> dict[str, object]:
    """Send every request once. Raises `grpc.RpcError` where one fails."""
    async with aio.insecure_channel(address) as channel:
        call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        for request in requests[:WARM_UP]:
            await call(request)
        waiting = iter(requests)
        taken: list[float] = []

        async def caller() -> None:
            for request in waiting:
                began = time.perf_counter()
                await call(request)
                taken.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return {"taken": taken, "seconds": time.perf_counter() - began, "warm_up": len(requests[:WARM_UP])}


def main() -> None:
    """Read what to send, and say what it took."""
    address, method, callers = sys.argv[1:]
    requests = [base64.b64decode(line) for line in sys.stdin.buffer]
    print(json.dumps(uvloop.run(call_all(address, method, int(callers), requests))))


if __name__ == "__main__":
    main()
