"""A provider that speaks chat completions and does nothing else: so many tokens, so far apart, each with its own time.

Usage: python -m scripts.benchmarks.provider_server TOKENS SECONDS_APART
"""

import asyncio
import json
import sys
import time

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
STAMP = "@"
"""Before the time at which a token was sent, in seconds of the machine's monotonic clock."""


def _event(body: object) -> bytes:
    data = b"data: " + (body if isinstance(body, bytes) else json.dumps(body).encode()) + b"\n\n"
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _token(number: int) -> bytes:
    text = f" word{number}{STAMP}{time.monotonic():.6f}"
    return _event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


async def main(tokens: int, apart_s: float) -> None:
    """Serve until the process is ended."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.partition(b":")[2])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                )
                await reader.readexactly(length)
                writer.write(HEAD)
                for number in range(tokens):
                    writer.write(_token(number))
                    if apart_s:
                        await asyncio.sleep(apart_s)
                usage = {"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens}
                writer.write(_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
                writer.write(_event({"choices": [], "usage": usage}) + _event(b"[DONE]") + b"0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**24)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
