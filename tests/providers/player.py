"""Plays one step over one connection."""

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.providers.chunks import Json, completion, delta, prompt_tokens, quoted, sse, usage_only, verdicts
from tests.providers.steps import (
    Answer,
    Cut,
    Empty,
    ErrorInside,
    MalformedSse,
    Quote,
    Stall,
    Status,
    Step,
    Verdicts,
    WrongContentType,
)

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds


@dataclass(slots=True, kw_only=True, eq=False)
class Seen:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: Json
    step: Step
    answered: bool = False
    """Whether all was sent that the step had to send."""
    closed_by_us: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its connection is gone."""


class Player:
    """Answers the requests of one connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.closed_by_us = False
        self._transport = transport
        self._piece_bytes: int | None = None

    def close(self, *, reset: bool) -> None:
        """End the connection."""
        self.closed_by_us = True
        if reset:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        else:
            self._transport.close()

    async def play(self, seen: Seen, step: Step) -> None:
        """Do it; returns when all is sent."""
        model, streamed = str(seen.body.get("model")), bool(seen.body.get("stream"))
        match step:
            case Status():
                retry = {"Retry-After": step.retry_after} if step.retry_after is not None else {}
                self.respond(step.code, step.body, **retry, **step.headers)
            case WrongContentType():
                self.respond(200, step.body, **{"Content-Type": step.content_type})
            case Stall(after=-1):
                await asyncio.get_running_loop().create_future()
            case Cut(after=-1):
                self.close(reset=step.reset)
            case Quote():
                tokens, reason = quoted(seen.body)
                usage = (prompt_tokens(seen.body), len(tokens))
                answer = Answer(tokens=tokens, usage=usage, finish_reason=reason, delay_s=step.delay_s)
                await self.play(seen, answer)
            case Verdicts():
                await self.play(seen, Answer(tokens=(verdicts(seen.body),), usage=(prompt_tokens(seen.body), 9)))
            case _ if streamed:
                await self._stream(seen, step, model)
            case _:
                await self._whole(step, model)
        seen.answered = True

    async def _stream(self, seen: Seen, step: Step, model: str) -> None:
        tokens: Sequence[str] = getattr(step, "tokens", ())
        self._head(200, **{"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"})
        self._send(sse(delta(model, {"role": "assistant", "content": ""})))
        if isinstance(step, Answer):
            self._piece_bytes = step.piece_bytes
            await asyncio.sleep(step.first_delay_s)
        for i, token in enumerate(tokens[: getattr(step, "after", None)]):
            await asyncio.sleep(getattr(step, "delay_s", 0) if i else 0)
            self._send(sse(delta(model, {"content": token})))
        match step:
            case Stall():
                await asyncio.get_running_loop().create_future()
            case Cut(politely=False):
                self.close(reset=step.reset)
                return
            case MalformedSse():
                self._send(step.line)
            case ErrorInside():
                self._send(sse({"error": dict(step.error)}))
            case Answer() | Empty():
                if step.finish_reason is not None:
                    self._send(sse(delta(model, {}, step.finish_reason)))
                asked = (seen.body.get("stream_options") or {}).get("include_usage")
                if isinstance(step, Answer) and step.usage is not None and asked:
                    self._send(sse(usage_only(model, step.usage)))
                if not isinstance(step, Answer) or step.done:
                    self._send(sse("[DONE]"))
                if isinstance(step, Answer) and step.lingers:
                    await asyncio.get_running_loop().create_future()
        self._transport.write(b"0\r\n\r\n")

    async def _whole(self, step: Step, model: str) -> None:
        """The same without a stream."""
        match step:
            case Answer():
                await asyncio.sleep(step.first_delay_s)
                self.respond(200, completion(model, "".join(step.tokens), step.finish_reason, step.usage))
            case Stall():
                await asyncio.get_running_loop().create_future()
            case ErrorInside():
                self.respond(200, {"error": dict(step.error)})
            case Empty():
                self.respond(200, completion(model, "", step.finish_reason, None))
            case MalformedSse():
                self.respond(200, '{"choices": [{"mess', **{"Content-Type": "application/json"})
            case Cut():
                self._head(200, **{"Content-Type": "application/json", "Content-Length": "1000"})
                self._transport.write(b'{"choices": [')
                self.close(reset=step.reset)

    def respond(self, code: int, body: Any, **headers: str) -> None:
        """A response that is there at once."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self._head(code, **{"Content-Type": "application/json", "Content-Length": str(len(data))} | headers)
        self._transport.write(data)

    def _head(self, code: int, **headers: str) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\n{lines}\r\n".encode())

    def _send(self, data: bytes) -> None:
        most = self._piece_bytes or len(data)
        for piece in (data[i : i + most] for i in range(0, len(data), most)):
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
